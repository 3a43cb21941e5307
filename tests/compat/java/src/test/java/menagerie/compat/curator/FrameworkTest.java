package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.retry.RetryForever;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.Test;

/** The framework below the recipes. */
class FrameworkTest extends CuratorCase {
    @Test
    void transactionsCommitTogetherOrNotAtAll() throws Exception {
        List<CuratorTransactionResult> results = one.transaction().forOperations(
                one.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(root + "/s-", bytes("1")),
                one.transactionOp().create().forPath(root + "/a", bytes("2")),
                one.transactionOp().setData().withVersion(0).forPath(root + "/a", bytes("3")),
                one.transactionOp().check().withVersion(1).forPath(root + "/a"),
                one.transactionOp().delete().forPath(root + "/s-0000000000"));
        assertEquals(root + "/s-0000000000", results.get(0).getResultPath());
        assertEquals(1, results.get(2).getResultStat().getVersion());
        var failed = assertThrows(KeeperException.BadVersionException.class, () -> one.transaction().forOperations(
                one.transactionOp().create().forPath(root + "/b"),
                one.transactionOp().check().withVersion(7).forPath(root + "/a")));
        assertEquals(2, failed.getResults().size());
        assertNull(one.checkExists().forPath(root + "/b"));
        var background = new CompletableFuture<Integer>();
        one.transaction().inBackground((client, event) -> background.complete(event.getOpResults().size()))
                .forOperations(one.transactionOp().create().forPath(root + "/c"));
        assertEquals(1, background.get(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void parentsAreCreatedAsContainersWhenAskedFor() throws Exception {
        one.create().creatingParentContainersIfNeeded().forPath(root + "/a/b/c");
        assertNotNull(one.checkExists().forPath(root + "/a/b/c"));
        one.delete().forPath(root + "/a/b/c");
        Wait.until("reaped", () -> one.checkExists().forPath(root + "/a") == null);
        one.create().creatingParentsIfNeeded().withMode(CreateMode.EPHEMERAL).forPath(root + "/d/e/f");
        one.delete().deletingChildrenIfNeeded().forPath(root + "/d");
        assertNull(one.checkExists().forPath(root + "/d"));
        one.createContainers(root + "/containers/x");
        assertNotNull(one.checkExists().forPath(root + "/containers/x"));
    }

    @Test
    void protectionNamesTheNodeAndFindsItAgain() throws Exception {
        String path = one.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/p-");
        assertTrue(Pattern.matches(Pattern.quote(root) + "/_c_[0-9a-f-]{36}-p-0000000000", path), path);
        var proxy = proxy(0);
        CuratorFramework shaky = open(proxy.address(), SESSION_MS);
        for (int i = 0; i < 10; i++) {
            var created = async(() ->
                    shaky.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/q-"));
            proxy.drop();
            result(created);
        }
        Wait.until("each once", () -> one.getChildren().forPath(root).stream().filter(name -> name.contains("-q-")).count() == 10);
    }

    @Test
    void everyOtherCall() throws Exception {
        Stat stat = new Stat();
        one.create().storingStatIn(stat).withMode(CreateMode.PERSISTENT).withACL(Ids.OPEN_ACL_UNSAFE)
                .forPath(root + "/a", bytes("x"));
        assertEquals(0, stat.getVersion());
        one.create().orSetData().forPath(root + "/a", bytes("y"));
        one.create().idempotent().forPath(root + "/i", bytes("y"));
        one.create().idempotent().forPath(root + "/i", bytes("y"));
        assertEquals("y", text(one.getData().storingStatIn(stat).forPath(root + "/a")));
        assertEquals(1, stat.getVersion());
        assertEquals(Ids.OPEN_ACL_UNSAFE, one.getACL().forPath(root + "/a"));
        one.setData().idempotent().withVersion(1).forPath(root + "/a", bytes("z"));
        one.setACL().withVersion(0).withACL(Ids.READ_ACL_UNSAFE).forPath(root + "/a");
    }

    @Test
    void forbiddenChangesAreRefused() throws Exception {
        one.create().withACL(Ids.READ_ACL_UNSAFE).forPath(root + "/a");
        assertThrows(KeeperException.NoAuthException.class, () -> one.setData().forPath(root + "/a", null));
        one.delete().quietly().forPath(root + "/none");
        one.delete().guaranteed().forPath(root + "/a");
        assertNull(one.checkExists().forPath(root + "/a"));
    }

    @Test
    void watchersAreAddedAndRemoved() throws Exception {
        var told = new java.util.concurrent.LinkedBlockingQueue<String>();
        org.apache.curator.framework.api.CuratorWatcher watcher = event -> told.add(event.getType() + " " + event.getPath());
        one.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(watcher).forPath(root);
        one.create().forPath(root + "/a");
        assertEquals("NodeCreated " + root + "/a", told.poll(Wait.SECONDS, TimeUnit.SECONDS));
        one.watchers().remove(watcher).ofType(org.apache.zookeeper.Watcher.WatcherType.Any).forPath(root);
        assertEquals("PersistentWatchRemoved " + root, told.poll(Wait.SECONDS, TimeUnit.SECONDS));
        one.getData().usingWatcher(watcher).forPath(root);
        one.watchers().removeAll().locally().forPath(root);
        assertEquals("DataWatchRemoved " + root, told.poll(Wait.SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void namespacesCompressionAndAuthorization() throws Exception {
        CuratorFramework named = started(CuratorFrameworkFactory.builder().connectString(Service.HOSTS)
                .namespace(root.substring(1) + "/space").authorization("digest", bytes("alice:wonderland"))
                .retryPolicy(new RetryForever(100)).enableCompression());
        named.create().creatingParentsIfNeeded().withACL(Ids.CREATOR_ALL_ACL).forPath("/a", bytes("squeezed"));
        assertEquals("squeezed", text(named.getData().forPath("/a")));
        one.sync().forPath(root);
        assertThrows(KeeperException.NoAuthException.class, () -> one.getData().forPath(root + "/space/a"));
    }
}
