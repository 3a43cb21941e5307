package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Events;
import menagerie.compat.Wait;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.Test;

/** Watches that stay. */
class PersistentWatchTest extends ClientCase {
    @Test
    void persistentTellsOfTheNodeAndItsChildrenAgainAndAgain() throws Exception {
        String path = root + "/n";
        zk.addWatch(path, events, AddWatchMode.PERSISTENT);
        for (int i = 0; i < 3; i++) {
            create(path);
            events.expect(EventType.NodeCreated, path);
            zk.setData(path, null, -1);
            events.expect(EventType.NodeDataChanged, path);
            create(path + "/c");
            events.expect(EventType.NodeChildrenChanged, path);
            zk.setData(path + "/c", null, -1);
            zk.delete(path + "/c", -1);
            events.expect(EventType.NodeChildrenChanged, path);
            zk.delete(path, -1);
            events.expect(EventType.NodeDeleted, path);
        }
    }

    @Test
    void recursiveTellsOfTheWholeSubtreeByItsOwnPaths() throws Exception {
        zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        String a = create(root + "/a");
        events.expect(EventType.NodeCreated, a);
        String b = create(a + "/b");
        events.expect(EventType.NodeCreated, b);
        String c = create(b + "/c");
        events.expect(EventType.NodeCreated, c);
        zk.setData(c, null, -1);
        events.expect(EventType.NodeDataChanged, c);
        zk.setData(root, null, -1);
        events.expect(EventType.NodeDataChanged, root);
        zk.delete(c, -1);
        events.expect(EventType.NodeDeleted, c);
        zk.delete(b, -1);
        events.expect(EventType.NodeDeleted, b);
        create(root + "x");
        zk.delete(root + "x", -1);
        zk.delete(a, -1);
        events.expect(EventType.NodeDeleted, a);
    }

    @Test
    void recursiveOnTheRootOfTheTree() throws Exception {
        zk.addWatch("/", events, AddWatchMode.PERSISTENT_RECURSIVE);
        create(root + "/a");
        // Other cases run at the same time.
        String expected = "NodeCreated " + root + "/a";
        Wait.until(expected, () -> events.drain().contains(expected));
    }

    @Test
    void eventsOfManyChangesComeInTheirOrder() throws Exception {
        ZooKeeper writer = open(1);
        zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        List<String> expected = new ArrayList<>();
        Random random = new Random(115475);
        List<String> present = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            if (present.isEmpty() || random.nextInt(3) > 0) {
                String parent = present.isEmpty() ? root : present.get(random.nextInt(present.size()));
                String path = writer.create(parent + "/n" + i, null, org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE,
                        org.apache.zookeeper.CreateMode.PERSISTENT);
                present.add(path);
                expected.add("NodeCreated " + path);
            } else {
                String path = present.get(random.nextInt(present.size()));
                writer.setData(path, null, -1);
                expected.add("NodeDataChanged " + path);
            }
        }
        List<String> seen = new ArrayList<>();
        Wait.untilEqual(expected, () -> {
            seen.addAll(events.drain());
            return seen;
        });
    }

    @Test
    void kindsOnOnePathEachTellOnce() throws Exception {
        Events persistent = new Events();
        Events once = new Events();
        zk.addWatch(root, persistent, AddWatchMode.PERSISTENT);
        zk.getData(root, once, null);
        zk.getChildren(root, once);
        zk.setData(root, null, -1);
        create(root + "/c");
        zk.setData(root, null, -1);
        persistent.expect(EventType.NodeDataChanged, root);
        persistent.expect(EventType.NodeChildrenChanged, root);
        persistent.expect(EventType.NodeDataChanged, root);
        persistent.assertNone();
        once.expect(EventType.NodeDataChanged, root);
        once.expect(EventType.NodeChildrenChanged, root);
        once.assertNone();
    }

    @Test
    void recursiveHidesChildrenChangedUnlessAskedFor() throws Exception {
        Events once = new Events();
        zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.getChildren(root, once);
        create(root + "/c");
        events.expect(EventType.NodeCreated, root + "/c");
        once.expect(EventType.NodeChildrenChanged, root);
        create(root + "/d");
        events.expect(EventType.NodeCreated, root + "/d");
    }

    @Test
    void theLastModeGivenWins() throws Exception {
        zk.addWatch(root, events, AddWatchMode.PERSISTENT);
        zk.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        create(root + "/c");
        create(root + "/c/d");
        zk.setData(root, null, -1);
        List<String> seen = new ArrayList<>();
        Wait.until("the last event", () -> {
            seen.addAll(events.drain());
            return seen.contains("NodeDataChanged " + root);
        });
        assertEquals(
                List.of("NodeCreated " + root + "/c", "NodeCreated " + root + "/c/d", "NodeDataChanged " + root),
                seen.stream().filter(event -> !event.startsWith("NodeChildrenChanged")).toList());
    }

    @Test
    void addedAsynchronouslyAndByTheDefaultWatcher() throws Exception {
        var added = new CompletableFuture<Integer>();
        zk.addWatch(root, AddWatchMode.PERSISTENT_RECURSIVE, (rc, path, ctx) -> added.complete(rc), null);
        assertEquals(Code.OK.intValue(), added.get(Wait.SECONDS, TimeUnit.SECONDS));
        create(root + "/c");
        events.expect(EventType.NodeCreated, root + "/c");
    }
}
