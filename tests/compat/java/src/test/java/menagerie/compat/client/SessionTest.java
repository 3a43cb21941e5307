package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import menagerie.compat.Events;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.Test;

/** Sessions: how they begin, move and end. */
class SessionTest extends ClientCase {
    private static final int SHORT_MS = 4_000;

    @Test
    void timeoutsAreNegotiated() throws Exception {
        for (int[] pair : new int[][] {{2_000, 4_000}, {5_000, 5_000}, {1_000_000, 40_000}}) {
            Events own = new Events();
            ZooKeeper client = connected(closing(new ZooKeeper(Service.HOSTS, pair[0], own)), own);
            assertEquals(pair[1], client.getSessionTimeout());
        }
    }

    @Test
    void idsAndPasswordsAreTheirOwn() throws Exception {
        ZooKeeper other = open(1);
        assertNotEquals(zk.getSessionId(), other.getSessionId());
        assertEquals(16, other.getSessionPasswd().length);
    }

    @Test
    void reattachedByIdAndPassword() throws Exception {
        Proxy proxy = proxy(0);
        ZooKeeper first = open(proxy.address(), new Events());
        String path = first.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        proxy.cut();
        Events own = new Events();
        ZooKeeper second = closing(new ZooKeeper(Service.address(1), TIMEOUT_MS, own, first.getSessionId(),
                first.getSessionPasswd()));
        connected(second, own);
        assertEquals(first.getSessionId(), second.getSessionId());
        assertArrayEquals(first.getSessionPasswd(), second.getSessionPasswd());
        assertEquals(first.getSessionId(), second.exists(path, false).getEphemeralOwner());
        second.close();
        zk.sync(root, (rc, p, ctx) -> {}, null);
        assertNull(zk.exists(path, false));
    }

    @Test
    void aWrongPasswordIsAnExpiredSession() throws Exception {
        Events own = new Events();
        ZooKeeper owner = open(1);
        String path = owner.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        closing(new ZooKeeper(Service.address(1), TIMEOUT_MS, own, owner.getSessionId(), new byte[16]));
        own.await(KeeperState.Expired);
        // The owner may lose its connection by this, not its session.
        Wait.until("the owner goes on", () -> owner.setData(path, null, -1) != null);
    }

    @Test
    void anUnknownSessionIsAnExpiredSession() throws Exception {
        Events own = new Events();
        ZooKeeper client = closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, own, 0x1234567890L, new byte[16]));
        own.await(KeeperState.Expired);
        fails(Code.SESSIONEXPIRED, () -> client.exists("/", false));
        assertEquals(ZooKeeper.States.CLOSED, client.getState());
    }

    @Test
    void aMovedSessionIsRefusedWhereItWas() throws Exception {
        Proxy proxy = proxy(0);
        Events own = new Events();
        ZooKeeper current = open(proxy.address(), own);
        current.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        for (int i = 1; i <= 4; i++) {
            proxy.refuse();
            Proxy nextProxy = proxy(i);
            Events nextOwn = new Events();
            ZooKeeper next = closing(new ZooKeeper(nextProxy.address(), TIMEOUT_MS, nextOwn, current.getSessionId(),
                    current.getSessionPasswd()));
            connected(next, nextOwn);
            next.setData(root, null, -1);
            ZooKeeper left = current;
            fails(Code.CONNECTIONLOSS, () -> left.setData(root, null, -1));
            current = next;
            proxy = nextProxy;
        }
        assertEquals(List.of(root + "/e"), current.getEphemerals());
    }

    @Test
    void closingEndsEphemeralsAtOnceAndInEveryServer() throws Exception {
        ZooKeeper owner = open(0);
        String path = owner.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        owner.close();
        for (int n = 0; n < Service.addresses().size(); n++) {
            ZooKeeper reader = open(n);
            reader.sync(root, (rc, p, ctx) -> {}, null);
            assertNull(reader.exists(path, false));
        }
    }

    @Test
    void expiryIsSeenByOthersAndByTheClientItself() throws Exception {
        Proxy proxy = proxy(0);
        Events own = new Events();
        ZooKeeper lost = connected(closing(new ZooKeeper(proxy.address(), SHORT_MS, own)), own);
        String path = lost.create(root + "/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        zk.sync(root, (rc, p, ctx) -> {}, null);
        assertNotNull(zk.exists(path, events));
        proxy.cut();
        events.expect(EventType.NodeDeleted, path);
        proxy.resume();
        own.await(KeeperState.Expired);
        fails(Code.SESSIONEXPIRED, () -> lost.exists("/", false));
        // Whoever brings its id again learns the same.
        Events late = new Events();
        closing(new ZooKeeper(Service.HOSTS, SHORT_MS, late, lost.getSessionId(), lost.getSessionPasswd()));
        late.await(KeeperState.Expired);
    }

    @Test
    void anIdleSessionLivesByItsPings() throws Exception {
        Events own = new Events();
        ZooKeeper idle = connected(closing(new ZooKeeper(Service.HOSTS, SHORT_MS, own)), own);
        String path = idle.create(root + "/idle", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        // One that is not idle at all measures the time: its session is opened later and dies of silence.
        Proxy proxy = proxy(0);
        Events clockEvents = new Events();
        ZooKeeper clock = connected(closing(new ZooKeeper(proxy.address(), 2 * SHORT_MS, clockEvents)), clockEvents);
        String tick = clock.create(root + "/clock", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        proxy.cut();
        Wait.until("the clock's session is gone", () -> zk.exists(tick, false) == null);
        assertNotNull(zk.exists(path, false));
        assertEquals(ZooKeeper.States.CONNECTED, idle.getState());
    }

    @Test
    void theServerListIsChangedWhileRunning() throws Exception {
        Proxy one = proxy(0);
        Proxy two = proxy(1);
        Events own = new Events();
        ZooKeeper client = open(one.address(), own);
        long session = client.getSessionId();
        assertEquals(0, two.accepted());
        client.updateServerList(two.address());
        Wait.until("moved", () -> two.accepted() == 1 && client.exists(root, false) != null);
        assertEquals(session, client.getSessionId());
        client.updateServerList(two.address() + "," + one.address());
        Wait.until("usable", () -> client.exists(root, false) != null);
        assertEquals(session, client.getSessionId());
    }

    @Test
    void aChrootIsInvisible() throws Exception {
        create(root + "/chroot");
        Events own = new Events();
        ZooKeeper inside = open(Service.HOSTS + root + "/chroot", own);
        inside.getChildren("/", own);
        assertEquals("/a", inside.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        own.expect(EventType.NodeChildrenChanged, "/");
        inside.getData("/a", own, null);
        zk.setData(root + "/chroot/a", null, -1);
        own.expect(EventType.NodeDataChanged, "/a");
        fails(Code.NODEEXISTS, "/a", () -> inside.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        assertEquals("/s0000000001",
                inside.create("/s", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        assertNotNull(zk.exists(root + "/chroot/s0000000001", false));
        ZooKeeper nowhere = open(Service.HOSTS + root + "/nowhere", new Events());
        fails(Code.NONODE, "/a", () -> nowhere.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
    }
}
