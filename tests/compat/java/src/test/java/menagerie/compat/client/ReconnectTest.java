package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import menagerie.compat.Events;
import menagerie.compat.Proxy;
import menagerie.compat.Wait;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.Test;

/** Watches that the client sets again when it comes back. */
class ReconnectTest extends ClientCase {
    private final Events own = new Events();
    private Proxy proxy;
    private ZooKeeper away;

    private void openThroughProxy() throws Exception {
        proxy = proxy(0);
        away = open(proxy.address(), own);
        away.sync(root, (rc, path, ctx) -> {}, null);
    }

    private void cut() throws Exception {
        proxy.cut();
        own.await(KeeperState.Disconnected);
    }

    private void resume() throws Exception {
        proxy.resume();
        own.await(KeeperState.SyncConnected);
        // The watches are sent before anything else, and set when something later is answered.
        away.exists(root, false);
    }

    @Test
    void whatHappenedMeanwhileIsTold() throws Exception {
        for (String name : List.of("changed", "deleted", "exists-deleted", "parent", "parent-deleted")) {
            create(root + "/" + name);
        }
        openThroughProxy();
        away.getData(root + "/changed", own, null);
        away.getData(root + "/deleted", own, null);
        away.exists(root + "/exists-deleted", own);
        away.exists(root + "/created", own);
        away.getChildren(root + "/parent", own);
        away.getChildren(root + "/parent-deleted", own);
        cut();
        zk.setData(root + "/changed", null, -1);
        zk.delete(root + "/deleted", -1);
        zk.delete(root + "/exists-deleted", -1);
        create(root + "/created");
        create(root + "/parent/child");
        zk.delete(root + "/parent-deleted", -1);
        resume();
        List<String> seen = new ArrayList<>();
        List<String> expected = List.of(
                "NodeChildrenChanged " + root + "/parent",
                "NodeCreated " + root + "/created",
                "NodeDataChanged " + root + "/changed",
                "NodeDeleted " + root + "/deleted",
                "NodeDeleted " + root + "/exists-deleted",
                "NodeDeleted " + root + "/parent-deleted");
        Wait.untilEqual(expected, () -> {
            seen.addAll(own.drain());
            return seen.stream().sorted().toList();
        });
    }

    @Test
    void whatHappensAfterwardsIsToldOnce() throws Exception {
        create(root + "/n");
        openThroughProxy();
        away.getData(root + "/n", own, null);
        away.getChildren(root + "/n", own);
        away.exists(root + "/new", own);
        cut();
        resume();
        own.assertNone();
        zk.setData(root + "/n", null, -1);
        own.expect(EventType.NodeDataChanged, root + "/n");
        create(root + "/n/c");
        own.expect(EventType.NodeChildrenChanged, root + "/n");
        create(root + "/new");
        own.expect(EventType.NodeCreated, root + "/new");
        zk.setData(root + "/n", null, -1);
        away.sync(root, (rc, path, ctx) -> {}, null);
        away.exists(root, false);
        own.assertNone();
    }

    @Test
    void persistentWatchesStay() throws Exception {
        create(root + "/flat");
        create(root + "/deep");
        openThroughProxy();
        away.addWatch(root + "/flat", own, AddWatchMode.PERSISTENT);
        away.addWatch(root + "/deep", own, AddWatchMode.PERSISTENT_RECURSIVE);
        for (int i = 0; i < 3; i++) {
            cut();
            resume();
            zk.setData(root + "/flat", null, -1);
            own.expect(EventType.NodeDataChanged, root + "/flat");
            create(root + "/deep/c" + i);
            own.expect(EventType.NodeCreated, root + "/deep/c" + i);
            // A reply that is newer than the event: the client says by its zxid what it knows when it comes back.
            away.exists(root + "/deep/c" + i, false);
        }
        own.assertNone();
    }

    /**
     * The client tells the zxid of its last reply when it comes back, not that of its last event. A service that delivers
     * what was missed may therefore repeat what came after that reply, and must lose nothing.
     */
    @Test
    void persistentWatchesStayWithoutRepliesInBetween() throws Exception {
        openThroughProxy();
        away.addWatch(root, own, AddWatchMode.PERSISTENT_RECURSIVE);
        List<String> told = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            cut();
            resume();
            create(root + "/c" + i);
            expected.add("NodeCreated " + root + "/c" + i);
            Wait.untilEqual(expected, () -> {
                told.addAll(own.drain());
                return told.stream().distinct().toList();
            });
        }
    }

    @Test
    void moreWatchesThanFitIntoOneRequest() throws Exception {
        openThroughProxy();
        String padding = "x".repeat(200);
        int count = 1_500;
        for (int i = 0; i < count; i++) {
            away.exists(root + "/" + padding + i, own, (rc, path, ctx, stat) -> {}, null);
        }
        away.exists(root, false);
        cut();
        create(root + "/" + padding + 7);
        resume();
        own.expect(EventType.NodeCreated, root + "/" + padding + 7);
        create(root + "/" + padding + (count - 1));
        own.expect(EventType.NodeCreated, root + "/" + padding + (count - 1));
    }

    @Test
    void sessionAndEphemeralsOutliveConnections() throws Exception {
        openThroughProxy();
        long session = away.getSessionId();
        String path = away.create(root + "/e", null, org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE,
                CreateMode.EPHEMERAL);
        for (int i = 0; i < 5; i++) {
            cut();
            resume();
            assertEquals(session, away.exists(path, false).getEphemeralOwner());
        }
        assertEquals(session, away.getSessionId());
        assertTrue(proxy.accepted() >= 6);
    }
}
