package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.OpResult.CreateResult;
import org.apache.zookeeper.OpResult.ErrorResult;
import org.apache.zookeeper.OpResult.SetDataResult;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.junit.jupiter.api.Test;

/** Transactions, and reading many znodes at once. */
class MultiTest extends ClientCase {
    private static Op make(String path) {
        return make(path, CreateMode.PERSISTENT);
    }

    private static Op make(String path, CreateMode mode) {
        return Op.create(path, bytes("m"), Ids.OPEN_ACL_UNSAFE, mode);
    }

    /** The codes of a transaction that must fail. */
    private List<Integer> errors(Op... ops) {
        KeeperException error = assertThrows(KeeperException.class, () -> zk.multi(List.of(ops)));
        return error.getResults().stream().map(result -> ((ErrorResult) result).getErr()).toList();
    }

    private static Integer code(Code code) {
        return code.intValue();
    }

    @Test
    void everyKindOfOperation() throws Exception {
        String ttl = root + "/ttl";
        List<OpResult> results = zk.multi(List.of(
                Op.check(root, 0),
                make(root + "/a"),
                make(root + "/a/s-", CreateMode.EPHEMERAL_SEQUENTIAL),
                make(root + "/c", CreateMode.CONTAINER),
                Op.create(ttl, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 1_000_000),
                Op.setData(root + "/a", bytes("new"), 0),
                Op.delete(root + "/c", 0)));
        assertEquals(7, results.size());
        assertEquals(root + "/a", ((CreateResult) results.get(1)).getPath());
        assertEquals(root + "/a/s-0000000000", ((CreateResult) results.get(2)).getPath());
        SetDataResult set = assertInstanceOf(SetDataResult.class, results.get(5));
        assertEquals(1, set.getStat().getVersion());
        assertEquals(List.of("a", "ttl"), zk.getChildren(root, false).stream().sorted().toList());
        // One transaction, one zxid.
        assertEquals(zk.exists(ttl, false).getCzxid(), zk.exists(root + "/a", false).getMzxid());
    }

    @Test
    void allOrNothingWithTheErrorOfEach() throws Exception {
        assertEquals(
                List.of(0, 0, code(Code.NODEEXISTS), code(Code.RUNTIMEINCONSISTENCY)),
                errors(make(root + "/a"), make(root + "/b"), make(root + "/a"), make(root + "/c")));
        assertEquals(List.of(), zk.getChildren(root, false));
        assertEquals(List.of(code(Code.BADVERSION)), errors(Op.check(root, 4)));
        assertEquals(List.of(code(Code.NONODE)), errors(Op.check(root + "/none", -1)));
        assertEquals(List.of(0, code(Code.NOTEMPTY)), errors(make(root + "/a"), Op.delete(root, -1)));
        assertEquals(List.of(0, code(Code.NOCHILDRENFOREPHEMERALS)),
                errors(make(root + "/e", CreateMode.EPHEMERAL), make(root + "/e/x")));
        assertEquals(List.of(code(Code.NONODE), code(Code.RUNTIMEINCONSISTENCY)),
                errors(Op.setData(root + "/none", null, -1), make(root + "/a")));
    }

    @Test
    void theExceptionIsThatOfTheFailedOperation() {
        fails(Code.BADVERSION, () -> zk.multi(List.of(make(root + "/a"), Op.check(root, 9))));
    }

    @Test
    void operationsSeeTheOnesBefore() throws Exception {
        zk.multi(List.of(make(root + "/a"), make(root + "/a/b"), Op.setData(root + "/a/b", null, 0),
                Op.check(root + "/a/b", 1), Op.delete(root + "/a/b", 1), Op.delete(root + "/a", 0)));
        assertEquals(List.of(), zk.getChildren(root, false));
        assertEquals(2, zk.exists(root, false).getCversion());
    }

    @Test
    void transactionBuilderAndCallback() throws Exception {
        List<OpResult> results = zk.transaction()
                .create(root + "/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
                .setData(root + "/a", bytes("1"), 0).check(root + "/a", 1).commit();
        assertEquals(3, results.size());
        var done = new CompletableFuture<List<OpResult>>();
        zk.multi(List.of(make(root + "/b"), make(root + "/a")), (rc, path, ctx, all) -> done.complete(all), null);
        List<OpResult> failed = done.get(Wait.SECONDS, TimeUnit.SECONDS);
        assertEquals(List.of(0, code(Code.NODEEXISTS)),
                failed.stream().map(result -> ((ErrorResult) result).getErr()).toList());
        assertEquals(List.of(), zk.multi(List.of()));
    }

    @Test
    void watchesFireInTheOrderOfTheOperations() throws Exception {
        zk.exists(root + "/a", events);
        zk.getData(root, events, null);
        zk.getChildren(root, events);
        zk.multi(List.of(Op.setData(root, bytes("x"), -1), make(root + "/a")));
        events.expect(EventType.NodeDataChanged, root);
        events.expect(EventType.NodeCreated, root + "/a");
        events.expect(EventType.NodeChildrenChanged, root);
    }

    @Test
    void manyReadsAtOnceFailOneByOne() throws Exception {
        create(root + "/a");
        List<OpResult> results = zk.multi(List.of(
                Op.getData(root + "/a"), Op.getData(root + "/none"), Op.getChildren(root), Op.getChildren(root + "/none")));
        assertEquals("data", text(((OpResult.GetDataResult) results.get(0)).getData()));
        assertEquals(0, ((OpResult.GetDataResult) results.get(0)).getStat().getVersion());
        assertEquals(code(Code.NONODE), ((ErrorResult) results.get(1)).getErr());
        assertEquals(List.of("a"), ((OpResult.GetChildrenResult) results.get(2)).getChildren());
        assertEquals(code(Code.NONODE), ((ErrorResult) results.get(3)).getErr());
        assertNull(zk.exists(root + "/none", false));
    }
}
