package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * A server that is cut off from the others serves those who content themselves with reading. ZooKeeper does so with
 * local sessions only, so the runner starts an ensemble for this alone.
 */
@Isolated("kills servers")
class ReadOnlyTest extends ClientCase {
    private boolean killed;

    private ZooKeeper readOnly(Events own) throws Exception {
        ZooKeeper reader = closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, own, true));
        own.await(KeeperState.ConnectedReadOnly);
        return reader;
    }

    private void killTheOthers() {
        killed = true;
        Service.control("kill 2");
        Service.control("kill 3");
    }

    private void startTheOthers() {
        Service.control("start 2");
        Service.control("start 3");
        killed = false;
    }

    @AfterEach
    void restore() {
        if (killed) {
            startTheOthers();
        }
    }

    @Test
    void readsAreServedAndWritesRefusedUntilTheOthersAreBack() throws Exception {
        assumeTrue(Service.HAS_LOCAL_SESSIONS);
        zk.setData(root, bytes("before"), -1);
        open(0).sync(root, (rc, path, ctx) -> {}, null);
        killTheOthers();
        Events own = new Events();
        ZooKeeper reader = readOnly(own);
        assertEquals(ZooKeeper.States.CONNECTEDREADONLY, reader.getState());
        assertEquals("before", text(reader.getData(root, own, null)));
        assertEquals(List.of(), reader.getChildren(root, own));
        fails(Code.NOTREADONLY, () -> reader.setData(root, bytes("x"), -1));
        fails(Code.NOTREADONLY, () -> reader.delete(root, -1));
        fails(Code.NOTREADONLY, () -> reader.create(root + "/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        fails(Code.NOTREADONLY, () -> reader.setACL(root, Ids.OPEN_ACL_UNSAFE, -1));
        fails(Code.NOTREADONLY, () -> reader.multi(List.of(Op.check(root, -1))));
        long session = reader.getSessionId();
        startTheOthers();
        own.await(KeeperState.SyncConnected);
        Wait.until("a write", () -> reader.setData(root, bytes("after"), -1) != null);
        assertNotEquals(session, reader.getSessionId());
        own.expect(org.apache.zookeeper.Watcher.Event.EventType.NodeDataChanged, root);
    }

    @Test
    void clientsThatWantToWriteAreNotLetIn() throws Exception {
        assumeTrue(Service.HAS_LOCAL_SESSIONS);
        killTheOthers();
        ZooKeeper reader = readOnly(new Events());
        Events writerEvents = new Events();
        ZooKeeper writer = closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, writerEvents));
        fails(Code.CONNECTIONLOSS, () -> writer.exists("/", false));
        assertEquals(ZooKeeper.States.CONNECTEDREADONLY, reader.getState());
        startTheOthers();
        writerEvents.await(KeeperState.SyncConnected);
    }
}
