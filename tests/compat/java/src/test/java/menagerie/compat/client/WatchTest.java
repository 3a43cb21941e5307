package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.Test;

/** The classic watches that fire once. */
class WatchTest extends ClientCase {
    /** All that was due before this returns has been delivered. */
    private void settle() throws Exception {
        Events marker = new Events();
        zk.getData(root, marker, null);
        zk.setData(root, null, -1);
        marker.expect(EventType.NodeDataChanged, root);
    }

    @Test
    void existsTellsCreationChangeAndDeletion() throws Exception {
        String path = root + "/n";
        assertNull(zk.exists(path, events));
        create(path);
        events.expect(EventType.NodeCreated, path);
        zk.exists(path, events);
        zk.setData(path, null, -1);
        events.expect(EventType.NodeDataChanged, path);
        zk.exists(path, events);
        zk.delete(path, -1);
        events.expect(EventType.NodeDeleted, path);
    }

    @Test
    void getDataTellsChangeAndDeletion() throws Exception {
        String path = create(root + "/n");
        zk.getData(path, events, null);
        zk.setData(path, null, -1);
        events.expect(EventType.NodeDataChanged, path);
        zk.getData(path, events, null);
        create(path + "/child");
        zk.delete(path + "/child", -1);
        zk.delete(path, -1);
        events.expect(EventType.NodeDeleted, path);
        fails(Code.NONODE, () -> zk.getData(path, events, null));
        create(path);
        settle();
        events.assertNone();
    }

    @Test
    void getChildrenTellsChildrenAndDeletion() throws Exception {
        String path = create(root + "/n");
        zk.getChildren(path, events);
        zk.setData(path, null, -1);
        create(path + "/child");
        events.expect(EventType.NodeChildrenChanged, path);
        zk.getChildren(path, events, null);
        zk.setData(path + "/child", null, -1);
        zk.delete(path + "/child", -1);
        events.expect(EventType.NodeChildrenChanged, path);
        zk.getChildren(path, events);
        zk.delete(path, -1);
        events.expect(EventType.NodeDeleted, path);
    }

    @Test
    void eachWatchFiresOnceAndTheDefaultWatcherServesToo() throws Exception {
        zk.getData(root, true, null);
        zk.getData(root, events, null);
        zk.setData(root, null, -1);
        zk.setData(root, null, -1);
        settle();
        assertEquals(List.of("NodeDataChanged " + root), events.drain());
    }

    @Test
    void everyWatcherObjectIsTold() throws Exception {
        List<Events> watchers = List.of(new Events(), new Events(), new Events());
        zk.getData(root, watchers.get(0), null);
        zk.exists(root, watchers.get(1));
        zk.getChildren(root, watchers.get(2));
        ZooKeeper other = open(1);
        other.setData(root, null, -1);
        other.create(root + "/c", null, org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE,
                org.apache.zookeeper.CreateMode.PERSISTENT);
        watchers.get(0).expect(EventType.NodeDataChanged, root);
        watchers.get(1).expect(EventType.NodeDataChanged, root);
        watchers.get(2).expect(EventType.NodeChildrenChanged, root);
        settle();
        watchers.forEach(Events::assertNone);
    }

    @Test
    void anEventComesBeforeTheReplyThatShowsTheChange() throws Exception {
        // Callbacks and events are queued by one thread in the order in which they came.
        var seen = new LinkedBlockingQueue<String>();
        ZooKeeper writer = open(1);
        zk.getData(root, event -> seen.add("event"), null);
        writer.setData(root, bytes("new"), -1);
        Wait.until("the change shows", () -> {
            var data = new java.util.concurrent.CompletableFuture<String>();
            zk.getData(root, false, (rc, p, ctx, bytes, stat) -> {
                String text = bytes == null ? "old" : text(bytes);
                seen.add(text);
                data.complete(text);
            }, null);
            return data.get(Wait.SECONDS, TimeUnit.SECONDS).equals("new");
        });
        List<String> order = List.copyOf(seen);
        assertTrue(order.indexOf("event") < order.indexOf("new"), order.toString());
    }

    @Test
    void eventsCarryTheZxidOfTheChange() throws Exception {
        zk.getData(root, events, null);
        var stat = zk.setData(root, null, -1);
        WatchedEvent event = events.next();
        assertEquals(stat.getMzxid(), event.getZxid());
    }

    @Test
    void deletionOfWatchedParentAndChildComeInOrder() throws Exception {
        String path = create(root + "/n");
        zk.getData(path, events, null);
        zk.getChildren(root, events);
        zk.delete(path, -1);
        events.expect(EventType.NodeDeleted, path);
        events.expect(EventType.NodeChildrenChanged, root);
    }

    @Test
    void ephemeralsOfAClosedSessionFireWatches() throws Exception {
        ZooKeeper owner = open(Service.address(1), new Events());
        for (String name : List.of("a", "b", "c")) {
            owner.create(root + "/" + name, null, org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE,
                    org.apache.zookeeper.CreateMode.EPHEMERAL);
        }
        Wait.until("all there", () -> zk.getChildren(root, false).size() == 3);
        for (String name : List.of("a", "b", "c")) {
            zk.exists(root + "/" + name, events);
        }
        owner.close();
        List<String> gone = List.of(events.next().getPath(), events.next().getPath(), events.next().getPath());
        assertEquals(List.of(root + "/a", root + "/b", root + "/c"), gone.stream().sorted().toList());
    }
}
