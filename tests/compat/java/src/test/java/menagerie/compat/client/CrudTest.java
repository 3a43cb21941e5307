package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.Test;

/** Reading and writing, in both styles of the API. */
class CrudTest extends ClientCase {
    @Test
    void everyFieldOfTheStatMoves() throws Exception {
        String path = create(root + "/n");
        Stat created = zk.exists(path, false);
        assertEquals(List.of(0, 0, 0), List.of(created.getVersion(), created.getCversion(), created.getAversion()));
        Stat set = zk.setData(path, bytes("longer data"), 0);
        assertEquals(1, set.getVersion());
        assertEquals(11, set.getDataLength());
        assertEquals(created.getCzxid(), set.getCzxid());
        assertTrue(set.getMzxid() > created.getMzxid());
        assertTrue(set.getMtime() >= created.getMtime());
        create(path + "/child");
        Stat parent = zk.exists(path, false);
        assertEquals(List.of(1, 1), List.of(parent.getCversion(), parent.getNumChildren()));
        assertTrue(parent.getPzxid() > set.getMzxid());
        assertEquals(set.getMzxid(), parent.getMzxid());
        assertEquals(1, zk.setACL(path, Ids.OPEN_ACL_UNSAFE, 0).getAversion());
        zk.delete(path + "/child", 0);
        Stat emptied = zk.exists(path, false);
        assertEquals(List.of(2, 0), List.of(emptied.getCversion(), emptied.getNumChildren()));
        assertTrue(emptied.getPzxid() > parent.getPzxid());
    }

    @Test
    void childrenWithAndWithoutStat() throws Exception {
        for (String name : List.of("x", "y", "z")) {
            create(root + "/" + name);
        }
        assertEquals(new TreeSet<>(List.of("x", "y", "z")), new TreeSet<>(zk.getChildren(root, false)));
        Stat stat = new Stat();
        assertEquals(3, zk.getChildren(root, false, stat).size());
        assertEquals(3, stat.getNumChildren());
        assertEquals(3, zk.getAllChildrenNumber(root));
        assertEquals(List.of(), zk.getChildren(root + "/x", false));
    }

    @Test
    void rootAndItsSystemNodes() throws Exception {
        assertTrue(zk.getChildren("/", false).contains("zookeeper"));
        assertEquals(List.of("config", "quota"), zk.getChildren("/zookeeper", false).stream().sorted().toList());
    }

    @Test
    void allChildrenNumberCountsTheSubtreeAndEphemeralsAreListed() throws Exception {
        create(root + "/a");
        create(root + "/a/b");
        String first = create(root + "/a/e", CreateMode.EPHEMERAL);
        String second = create(root + "/f", CreateMode.EPHEMERAL);
        assertEquals(4, zk.getAllChildrenNumber(root));
        assertEquals(List.of(first, second), zk.getEphemerals(root).stream().sorted().toList());
        assertEquals(List.of(first), zk.getEphemerals(root + "/a"));
        assertEquals(List.of(first, second), zk.getEphemerals().stream().sorted().toList());
        assertEquals(List.of(), open(0).getEphemerals(root));
        fails(Code.NONODE, () -> zk.getAllChildrenNumber(root + "/none"));
    }

    @Test
    void syncShowsWhatAnotherClientWrote() throws Exception {
        var writer = open(0);
        var reader = open(1);
        for (int i = 0; i < 20; i++) {
            writer.setData(root, bytes("v" + i), -1);
            var synced = new CompletableFuture<Integer>();
            reader.sync(root, (rc, path, ctx) -> synced.complete(rc), null);
            assertEquals(Code.OK.intValue(), synced.get(Wait.SECONDS, TimeUnit.SECONDS));
            assertEquals("v" + i, text(reader.getData(root, false, null)));
        }
    }

    @Test
    void callbacksOfEveryOperation() throws Exception {
        String path = root + "/async";
        var done = new CountDownLatch(12);
        zk.create(path, bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, (rc, p, ctx, name) -> {
            assertAll(done, rc == 0 && p.equals(path) && name.equals(path) && ctx.equals("ctx"));
        }, "ctx");
        zk.create(path + "/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, (rc, p, ctx, name, stat) -> {
            assertAll(done, rc == 0 && stat.getVersion() == 0);
        }, null);
        zk.create(path + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, (rc, p, ctx, name, stat) -> {
            assertAll(done, rc == 0 && stat.getVersion() == 0);
        }, null, 1_000_000);
        zk.exists(path, false, (rc, p, ctx, stat) -> assertAll(done, rc == 0 && stat.getNumChildren() == 2), null);
        zk.getData(path, false, (rc, p, ctx, data, stat) -> assertAll(done, rc == 0 && text(data).equals("1")), null);
        zk.setData(path, bytes("2"), 0, (rc, p, ctx, stat) -> assertAll(done, rc == 0 && stat.getVersion() == 1), null);
        zk.getChildren(path, false, (rc, p, ctx, names) -> assertAll(done, rc == 0 && names.size() == 2), null);
        zk.getChildren(path, false, (rc, p, ctx, names, stat) -> assertAll(done, names.size() == 2), null);
        zk.getACL(path, null, (rc, p, ctx, acl, stat) -> assertAll(done, acl.equals(Ids.OPEN_ACL_UNSAFE)), null);
        zk.setACL(path, Ids.READ_ACL_UNSAFE, 0, (rc, p, ctx, stat) -> assertAll(done, stat.getAversion() == 1), null);
        zk.getAllChildrenNumber(path, (rc, p, ctx, number) -> assertAll(done, number == 2), null);
        zk.getEphemerals(path, (rc, ctx, paths) -> assertAll(done, rc == 0 && paths.isEmpty()), null);
        assertTrue(done.await(Wait.SECONDS, TimeUnit.SECONDS), () -> done.getCount() + " callbacks failed or missing");
        var removed = new CompletableFuture<Integer>();
        zk.delete(path, -1, (rc, p, ctx) -> removed.complete(rc), null);
        assertEquals(Code.NOTEMPTY.intValue(), removed.get(Wait.SECONDS, TimeUnit.SECONDS));
    }

    private static void assertAll(CountDownLatch done, boolean asExpected) {
        if (asExpected) {
            done.countDown();
        }
    }

    @Test
    void pipelinedRequestsAreAnsweredInOrder() throws Exception {
        int count = 2_000;
        var done = new CountDownLatch(count);
        var next = new AtomicInteger();
        var wrong = new AtomicInteger();
        for (int i = 0; i < count; i++) {
            int expected = i;
            if (i % 2 == 0) {
                zk.setData(root, bytes("" + i), i / 2, (rc, p, ctx, stat) -> {
                    wrong.addAndGet(rc == 0 && next.getAndIncrement() == expected ? 0 : 1);
                    done.countDown();
                }, null);
            } else {
                zk.getData(root, false, (rc, p, ctx, data, stat) -> {
                    boolean right = rc == 0 && text(data).equals("" + (expected - 1));
                    wrong.addAndGet(right && next.getAndIncrement() == expected ? 0 : 1);
                    done.countDown();
                }, null);
            }
        }
        assertTrue(done.await(Wait.SECONDS, TimeUnit.SECONDS));
        assertEquals(0, wrong.get());
    }

    @Test
    void versionsGuardChanges() throws Exception {
        String path = create(root + "/v");
        zk.setData(path, null, 0);
        fails(Code.BADVERSION, path, () -> zk.setData(path, null, 0));
        fails(Code.BADVERSION, path, () -> zk.delete(path, 0));
        fails(Code.BADVERSION, path, () -> zk.setACL(path, Ids.OPEN_ACL_UNSAFE, 4));
        zk.setData(path, null, -1);
        zk.delete(path, 2);
        assertNull(zk.exists(path, false));
    }
}
