package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Events;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.Test;

/** Watches taken back, of each type, by the server and by the client alone. */
class RemoveWatchesTest extends ClientCase {
    /** Changes root's data and children; says what the watchers heard. */
    private void change() throws Exception {
        Events marker = new Events();
        zk.setData(root, null, -1);
        create(root + "/c" + zk.exists(root, false).getCversion());
        zk.getData(root, marker, null);
        zk.setData(root, null, -1);
        marker.expect(EventType.NodeDataChanged, root);
    }

    @Test
    void dataWatch() throws Exception {
        zk.getData(root, events, null);
        zk.removeWatches(root, events, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, root);
        change();
        events.assertNone();
        fails(Code.NOWATCHER, root, () -> zk.removeWatches(root, events, WatcherType.Data, false));
    }

    @Test
    void existsWatchIsADataWatch() throws Exception {
        zk.exists(root + "/none", events);
        zk.removeWatches(root + "/none", events, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, root + "/none");
        create(root + "/none");
        change();
        events.assertNone();
    }

    @Test
    void childWatchStaysWhenDataIsRemoved() throws Exception {
        zk.getChildren(root, events);
        zk.getData(root, events, null);
        zk.removeWatches(root, events, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, root);
        change();
        events.expect(EventType.NodeChildrenChanged, root);
        events.assertNone();
        zk.getChildren(root, events);
        zk.removeWatches(root, events, WatcherType.Children, false);
        events.expect(EventType.ChildWatchRemoved, root);
        change();
        events.assertNone();
    }

    @Test
    void anyRemovesEveryKind() throws Exception {
        zk.getChildren(root, events);
        zk.getData(root, events, null);
        zk.removeWatches(root, events, WatcherType.Any, false);
        assertEquals(
                List.of("ChildWatchRemoved " + root, "DataWatchRemoved " + root),
                List.of(next(), next()).stream().sorted().toList());
        change();
        events.assertNone();
    }

    private String next() throws Exception {
        var event = events.next();
        return event.getType() + " " + event.getPath();
    }

    @Test
    void persistentOfBothModes() throws Exception {
        for (AddWatchMode mode : AddWatchMode.values()) {
            var type = mode == AddWatchMode.PERSISTENT ? WatcherType.Persistent : WatcherType.PersistentRecursive;
            zk.addWatch(root, events, mode);
            zk.removeWatches(root, events, type, false);
            events.expect(EventType.PersistentWatchRemoved, root);
            change();
            events.assertNone();
            fails(Code.NOWATCHER, root, () -> zk.removeWatches(root, events, type, false));
            zk.addWatch(root, events, mode);
            zk.removeWatches(root, events, WatcherType.Any, false);
            events.expect(EventType.PersistentWatchRemoved, root);
            change();
            events.assertNone();
        }
    }

    @Test
    void oneOfTwoWatchersOnlyChecksAtTheServer() throws Exception {
        Events stays = new Events();
        zk.getData(root, events, null);
        zk.getData(root, stays, null);
        // While another local watcher remains, the client asks by checkWatches.
        zk.removeWatches(root, events, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, root);
        change();
        events.assertNone();
        stays.expect(EventType.NodeDataChanged, root);
    }

    @Test
    void oneOfTwoPersistentWatchersOnlyChecksAtTheServer() throws Exception {
        for (AddWatchMode mode : AddWatchMode.values()) {
            var type = mode == AddWatchMode.PERSISTENT ? WatcherType.Persistent : WatcherType.PersistentRecursive;
            Events stays = new Events();
            zk.addWatch(root, events, mode);
            zk.addWatch(root, stays, mode);
            zk.removeWatches(root, events, type, false);
            events.expect(EventType.PersistentWatchRemoved, root);
            zk.setData(root, null, -1);
            stays.expect(EventType.NodeDataChanged, root);
            events.assertNone();
            zk.removeWatches(root, stays, type, false);
            stays.expect(EventType.PersistentWatchRemoved, root);
        }
    }

    @Test
    void allWatchesOfAPath() throws Exception {
        Events other = new Events();
        zk.getData(root, events, null);
        zk.exists(root, other);
        zk.getChildren(root, other);
        zk.removeAllWatches(root, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, root);
        other.expect(EventType.DataWatchRemoved, root);
        change();
        events.assertNone();
        other.expect(EventType.NodeChildrenChanged, root);
        zk.getChildren(root, events);
        zk.addWatch(root, events, AddWatchMode.PERSISTENT);
        zk.removeAllWatches(root, WatcherType.Any, false);
        assertEquals(
                List.of("ChildWatchRemoved " + root, "PersistentWatchRemoved " + root),
                List.of(next(), next()).stream().sorted().toList());
        change();
        events.assertNone();
    }

    @Test
    void allByEachTypeOfWatcher() throws Exception {
        zk.getChildren(root, events);
        zk.removeAllWatches(root, WatcherType.Children, false);
        events.expect(EventType.ChildWatchRemoved, root);
        zk.addWatch(root, events, AddWatchMode.PERSISTENT);
        zk.removeAllWatches(root, WatcherType.Persistent, false);
        events.expect(EventType.PersistentWatchRemoved, root);
        zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.removeAllWatches(root, WatcherType.PersistentRecursive, false);
        events.expect(EventType.PersistentWatchRemoved, root);
        change();
        events.assertNone();
    }

    @Test
    void withoutAServerOnlyLocally() throws Exception {
        Proxy proxy = proxy(0);
        Events own = new Events();
        ZooKeeper away = open(proxy.address(), own);
        away.getData(root, own, null);
        away.getChildren(root, own);
        proxy.cut();
        own.await(org.apache.zookeeper.Watcher.Event.KeeperState.Disconnected);
        fails(Code.CONNECTIONLOSS, root, () -> away.removeWatches(root, own, WatcherType.Data, false));
        away.removeWatches(root, own, WatcherType.Data, true);
        own.expect(EventType.DataWatchRemoved, root);
        away.removeAllWatches(root, WatcherType.Children, true);
        own.expect(EventType.ChildWatchRemoved, root);
        proxy.resume();
        own.await(org.apache.zookeeper.Watcher.Event.KeeperState.SyncConnected);
        change();
        away.sync(root, (rc, path, ctx) -> {}, null);
        away.exists(root, false);
        own.assertNone();
    }

    @Test
    void asynchronously() throws Exception {
        var removed = new CompletableFuture<Integer>();
        zk.getData(root, events, null);
        zk.removeWatches(root, events, WatcherType.Data, false, (rc, path, ctx) -> removed.complete(rc), null);
        assertEquals(Code.OK.intValue(), removed.get(Wait.SECONDS, TimeUnit.SECONDS));
        var none = new CompletableFuture<Integer>();
        zk.getData(root, events, null);
        zk.removeAllWatches(root, WatcherType.Any, false, (rc, path, ctx) -> none.complete(rc), null);
        assertEquals(Code.OK.intValue(), none.get(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void watchesOfOthersStay() throws Exception {
        Events theirs = new Events();
        ZooKeeper other = open(Service.address(0), new Events());
        other.getData(root, theirs, null);
        zk.getData(root, events, null);
        zk.removeAllWatches(root, WatcherType.Any, false);
        zk.setData(root, null, -1);
        theirs.expect(EventType.NodeDataChanged, root);
    }
}
