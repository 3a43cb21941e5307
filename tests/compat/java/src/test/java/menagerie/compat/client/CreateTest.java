package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.Test;

/** Every kind of znode. */
class CreateTest extends ClientCase {
    @Test
    void persistent() throws Exception {
        assertEquals(root + "/a", create(root + "/a"));
        Stat stat = new Stat();
        assertEquals("data", text(zk.getData(root + "/a", false, stat)));
        assertEquals(0, stat.getEphemeralOwner());
    }

    @Test
    void ephemeralGoesWithItsSession() throws Exception {
        var owner = open(Service.HOSTS, new Events());
        owner.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.sync(root, (rc, path, ctx) -> {}, null);
        assertEquals(owner.getSessionId(), zk.exists(root + "/e", events).getEphemeralOwner());
        owner.close();
        events.expect(org.apache.zookeeper.Watcher.Event.EventType.NodeDeleted, root + "/e");
    }

    @Test
    void sequentialNamesCountByTheParent() throws Exception {
        assertEquals(root + "/s-0000000000", create(root + "/s-", CreateMode.PERSISTENT_SEQUENTIAL));
        assertEquals(root + "/e-0000000001", create(root + "/e-", CreateMode.EPHEMERAL_SEQUENTIAL));
        create(root + "/plain");
        assertEquals(root + "/0000000003", create(root + "/", CreateMode.PERSISTENT_SEQUENTIAL));
        zk.delete(root + "/plain", -1);
        assertEquals(root + "/s-0000000004", create(root + "/s-", CreateMode.PERSISTENT_SEQUENTIAL));
    }

    @Test
    void createReturnsTheStat() throws Exception {
        for (CreateMode mode : new CreateMode[] {CreateMode.PERSISTENT, CreateMode.EPHEMERAL, CreateMode.CONTAINER,
            CreateMode.PERSISTENT_SEQUENTIAL, CreateMode.EPHEMERAL_SEQUENTIAL}) {
            Stat stat = new Stat();
            String path = zk.create(root + "/" + mode, bytes("four"), Ids.OPEN_ACL_UNSAFE, mode, stat);
            assertEquals(zk.exists(path, false), stat);
            assertEquals(4, stat.getDataLength());
            assertEquals(mode.isEphemeral() ? zk.getSessionId() : 0, stat.getEphemeralOwner());
            assertEquals(stat.getCzxid(), stat.getPzxid());
        }
    }

    @Test
    void containerGoesWithItsLastChild() throws Exception {
        zk.create(root + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        zk.create(root + "/never-used", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        create(root + "/c/child");
        zk.exists(root + "/c", events);
        zk.delete(root + "/c/child", -1);
        events.expect(org.apache.zookeeper.Watcher.Event.EventType.NodeDeleted, root + "/c");
        assertNotNull(zk.exists(root + "/never-used", false));
    }

    @Test
    void ttlNodeGoesWhenItWasNotChangedForLong() throws Exception {
        Stat stat = new Stat();
        var mode = CreateMode.PERSISTENT_WITH_TTL;
        String path = zk.create(root + "/t", bytes("x"), Ids.OPEN_ACL_UNSAFE, mode, stat, 1_000);
        assertEquals(zk.exists(path, events), stat);
        assertEquals(0, stat.getEphemeralOwner());
        zk.create(root + "/long", null, Ids.OPEN_ACL_UNSAFE, mode, null, 1_000_000);
        events.expect(org.apache.zookeeper.Watcher.Event.EventType.NodeDeleted, path);
        assertNotNull(zk.exists(root + "/long", false));
    }

    @Test
    void sequentialTtlNodes() throws Exception {
        var mode = CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL;
        String first = zk.create(root + "/t-", null, Ids.OPEN_ACL_UNSAFE, mode, new Stat(), 1_000);
        String second = zk.create(root + "/t-", null, Ids.OPEN_ACL_UNSAFE, mode, new Stat(), 1_000_000);
        assertEquals(root + "/t-0000000000", first);
        assertEquals(root + "/t-0000000001", second);
        Wait.until("the first is gone", () -> zk.exists(first, false) == null);
        assertNotNull(zk.exists(second, false));
    }

    @Test
    void ttlNodeStaysWhileItHasChildren() throws Exception {
        var mode = CreateMode.PERSISTENT_WITH_TTL;
        zk.create(root + "/parent", null, Ids.OPEN_ACL_UNSAFE, mode, null, 200);
        create(root + "/parent/child");
        zk.create(root + "/marker", null, Ids.OPEN_ACL_UNSAFE, mode, null, 200);
        Wait.until("the marker is gone", () -> zk.exists(root + "/marker", false) == null);
        assertNotNull(zk.exists(root + "/parent", false));
        zk.delete(root + "/parent/child", -1);
        Wait.until("the parent is gone", () -> zk.exists(root + "/parent", false) == null);
    }

    @Test
    void ttlIsCheckedByTheClient() {
        assertThrows(IllegalArgumentException.class, () -> zk.create(root + "/t", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_WITH_TTL, null, -1));
        assertThrows(IllegalArgumentException.class, () -> zk.create(root + "/t", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT, null, 1_000));
    }

    @Test
    void nullEmptyAndLargeDataDiffer() throws Exception {
        byte[] large = new byte[900_000];
        large[899_999] = 7;
        zk.create(root + "/null", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create(root + "/empty", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create(root + "/large", large, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        assertNull(zk.getData(root + "/null", false, null));
        assertEquals(0, zk.getData(root + "/empty", false, null).length);
        assertArrayEquals(large, zk.getData(root + "/large", false, null));
        assertEquals(0, zk.exists(root + "/null", false).getDataLength());
    }

    @Test
    void tooMuchDataEndsTheConnectionAndNotTheSession() throws Exception {
        long session = zk.getSessionId();
        byte[] tooMuch = new byte[2 * 1024 * 1024];
        fails(Code.CONNECTIONLOSS, () -> zk.setData(root, tooMuch, -1));
        Wait.until("connected again", () -> zk.exists(root, false) != null);
        assertEquals(session, zk.getSessionId());
        assertNotEquals(0, session);
    }

    @Test
    void anyUnicodeMayBeInPaths() throws Exception {
        String path = root + "/zoológico-動物園-\uD83D\uDC12";
        // Surrogates are refused by the client itself, all else passes.
        assertThrows(IllegalArgumentException.class, () -> create(path));
        String shorter = root + "/zoológico-動物園 x";
        assertEquals(shorter, create(shorter));
        assertTrue(zk.getChildren(root, false).contains("zoológico-動物園 x"));
    }
}
