package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.StatsTrack;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.cli.SetQuotaCommand;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.junit.jupiter.api.Test;

/** Every KeeperException that a server can cause. */
class ErrorsTest extends ClientCase {
    @Test
    void noNode() {
        String none = root + "/none";
        fails(Code.NONODE, none, () -> zk.getData(none, false, null));
        fails(Code.NONODE, none, () -> zk.setData(none, null, -1));
        fails(Code.NONODE, none, () -> zk.delete(none, -1));
        fails(Code.NONODE, none, () -> zk.getChildren(none, false));
        fails(Code.NONODE, none, () -> zk.getChildren(none, false, null));
        fails(Code.NONODE, none, () -> zk.getACL(none, null));
        fails(Code.NONODE, none, () -> zk.setACL(none, Ids.OPEN_ACL_UNSAFE, -1));
        fails(Code.NONODE, none + "/x", () -> create(none + "/x"));
        fails(Code.NONODE, none + "/x", () -> create(none + "/x", CreateMode.EPHEMERAL_SEQUENTIAL));
        fails(Code.NONODE, none + "/x", () -> create(none + "/x", CreateMode.CONTAINER));
    }

    @Test
    void nodeExistsNotEmptyAndNoChildrenForEphemerals() throws Exception {
        String path = create(root + "/a");
        fails(Code.NODEEXISTS, path, () -> create(path));
        fails(Code.NODEEXISTS, path, () -> create(path, CreateMode.EPHEMERAL));
        fails(Code.NODEEXISTS, path, () -> create(path, CreateMode.CONTAINER));
        fails(Code.NOTEMPTY, root, () -> zk.delete(root, -1));
        String ephemeral = create(root + "/e", CreateMode.EPHEMERAL);
        fails(Code.NOCHILDRENFOREPHEMERALS, ephemeral + "/x", () -> create(ephemeral + "/x"));
        fails(Code.NODEEXISTS, "/", () -> zk.create("/", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
    }

    @Test
    void badArguments() {
        fails(Code.BADARGUMENTS, "/", () -> zk.delete("/", -1));
        fails(Code.BADARGUMENTS, "/zookeeper", () -> zk.delete("/zookeeper", -1));
        fails(Code.BADARGUMENTS, "/zookeeper/quota", () -> zk.delete("/zookeeper/quota", -1));
        for (String path : List.of("", "relative", "/a//b", "/a/", "/a/./b", "/a/../b", "/nul\u0000")) {
            assertThrows(IllegalArgumentException.class, () -> zk.exists(path, false), path);
        }
    }

    @Test
    void invalidAcl() {
        String path = root + "/a";
        List<List<ACL>> invalid = List.of(
                acl(new ACL(Perms.ALL, new Id("world", "somebody"))),
                acl(new ACL(Perms.ALL, new Id("digest", "no-colon"))),
                acl(new ACL(Perms.ALL, new Id("ip", "300.1.1.1"))),
                acl(new ACL(Perms.ALL, new Id("ip", "10.0.0.0/33"))),
                acl(new ACL(Perms.ALL, new Id("unheard-of", "x"))),
                acl(new ACL(Perms.ALL, new Id("auth", ""))));
        for (List<ACL> acl : invalid) {
            fails(Code.INVALIDACL, path, () -> zk.create(path, null, acl, CreateMode.PERSISTENT));
            fails(Code.INVALIDACL, root, () -> zk.setACL(root, acl, -1));
        }
        fails(Code.INVALIDACL, () -> zk.create(path, null, acl(), CreateMode.PERSISTENT));
    }

    @Test
    void noAuth() throws Exception {
        List<ACL> nobody = acl(new ACL(Perms.ALL, new Id("digest", "somebody:else")));
        String path = zk.create(root + "/closed", null, nobody, CreateMode.PERSISTENT);
        fails(Code.NOAUTH, path, () -> zk.getData(path, false, null));
        fails(Code.NOAUTH, path, () -> zk.exists(path, false));
        fails(Code.NOAUTH, path, () -> zk.setData(path, null, -1));
        fails(Code.NOAUTH, path, () -> zk.getChildren(path, false));
        fails(Code.NOAUTH, path, () -> zk.getACL(path, null));
        fails(Code.NOAUTH, path, () -> zk.setACL(path, Ids.OPEN_ACL_UNSAFE, -1));
        fails(Code.NOAUTH, path, () -> zk.getAllChildrenNumber(path));
        fails(Code.NOAUTH, path + "/x", () -> create(path + "/x"));
        zk.delete(path, -1);
    }

    @Test
    void authFailedEndsTheHandle() throws Exception {
        Events own = new Events();
        ZooKeeper other = open(Service.HOSTS, own);
        other.addAuthInfo("unheard-of", bytes("x"));
        own.await(org.apache.zookeeper.Watcher.Event.KeeperState.AuthFailed);
        fails(Code.AUTHFAILED, () -> other.getData(root, false, null));
        assertEquals(ZooKeeper.States.AUTH_FAILED, other.getState());
    }

    @Test
    void noWatcher() {
        fails(Code.NOWATCHER, root, () -> zk.removeWatches(root, events, WatcherType.Any, false));
        fails(Code.NOWATCHER, root, () -> zk.removeAllWatches(root, WatcherType.Data, false));
    }

    @Test
    void quotaExceeded() throws Exception {
        String path = create(root + "/quota");
        StatsTrack limits = new StatsTrack();
        limits.setCountHardLimit(3);
        limits.setByteHardLimit(100);
        assertTrue(SetQuotaCommand.createQuota(zk, path, limits));
        create(path + "/one");
        create(path + "/two");
        fails(Code.QUOTAEXCEEDED, () -> create(path + "/three"));
        fails(Code.QUOTAEXCEEDED, () -> zk.setData(path, new byte[100], -1));
        zk.delete(path + "/one", -1);
        Wait.until("there is room again", () -> create(path + "/three") != null);
    }

    @Test
    void connectionLossWithoutServerAndSessionClosed() throws Exception {
        Events own = new Events();
        var proxy = proxy(0);
        ZooKeeper other = open(proxy.address(), own);
        proxy.cut();
        fails(Code.CONNECTIONLOSS, root, () -> other.getData(root, false, null));
        proxy.resume();
        Wait.until("connected again", () -> other.exists(root, false) != null);
        other.close();
        fails(Code.SESSIONEXPIRED, root, () -> other.exists(root, false));
    }

    @Test
    void asynchronousErrorsCarryTheSameCodes() throws Exception {
        var code = new CompletableFuture<Integer>();
        zk.getData(root + "/none", false, (rc, path, ctx, data, stat) -> code.complete(rc), null);
        assertEquals(Code.NONODE, Code.get(code.get(Wait.SECONDS, TimeUnit.SECONDS)));
        var created = new CompletableFuture<Integer>();
        zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, (rc, p, ctx, name) -> created.complete(rc), null);
        assertEquals(Code.NODEEXISTS, Code.get(created.get(Wait.SECONDS, TimeUnit.SECONDS)));
    }

    @Test
    void failuresLeaveTheConnectionUsable() throws Exception {
        long session = zk.getSessionId();
        for (int i = 0; i < 100; i++) {
            assertThrows(KeeperException.class, () -> zk.delete(root + "/none", -1));
            assertThrows(KeeperException.class, () -> create(root));
        }
        zk.setData(root, null, 0);
        assertEquals(session, zk.getSessionId());
        assertEquals(List.of(), events.drain());
    }
}
