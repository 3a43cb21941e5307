package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.Test;

/** What another compatible server got wrong, by the numbers of its issues. */
class ClickHouseIssuesTest extends CuratorCase {
    private static final int CHANGES = 300;

    /** Events of a recursive watch carried the watched path instead of the changed one, which spoilt CuratorCache. */
    @Test
    void clickhouse_115475_recursive_watch_paths() throws Exception {
        var told = new LinkedBlockingQueue<WatchedEvent>();
        one.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE)
                .usingWatcher((org.apache.zookeeper.Watcher) told::add).forPath(root);
        List<CuratorCache> caches = List.of(closing(CuratorCache.build(one, root)), closing(CuratorCache.build(two, root)));
        for (CuratorCache cache : caches) {
            var initialized = new CountDownLatch(1);
            cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(initialized::countDown).build());
            cache.start();
            assertTrue(initialized.await(Wait.SECONDS, TimeUnit.SECONDS));
        }
        Map<String, String> tree = new TreeMap<>(Map.of(root, text(one.getData().forPath(root))));
        List<String> expected = changeAtRandom(tree);
        List<String> events = new ArrayList<>();
        Wait.untilEqual(expected, () -> {
            List<WatchedEvent> some = new ArrayList<>();
            told.drainTo(some);
            some.forEach(event -> events.add(event.getType() + " " + event.getPath()));
            return events;
        });
        for (CuratorCache cache : caches) {
            Wait.untilEqual(tree, () -> {
                Map<String, String> cached = new TreeMap<>();
                cache.stream().forEach(node -> cached.put(node.getPath(), text(node.getData())));
                return cached;
            });
        }
    }

    /** Creates, changes and deletes below root; returns the events that are due, and leaves in `tree` what there is. */
    private List<String> changeAtRandom(Map<String, String> tree) throws Exception {
        Random random = new Random(115475);
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < CHANGES; i++) {
            List<String> paths = List.copyOf(tree.keySet());
            String path = paths.get(random.nextInt(paths.size()));
            // One client after the other, each for a while: their writes are ordered by their replies.
            CuratorFramework client = i / 10 % 2 == 0 ? one : two;
            switch (random.nextInt(4)) {
                case 0, 1 -> {
                    String child = path + "/n" + i;
                    client.create().forPath(child, bytes("v" + i));
                    tree.put(child, "v" + i);
                    expected.add("NodeCreated " + child);
                }
                case 2 -> {
                    client.setData().forPath(path, bytes("w" + i));
                    tree.put(path, "w" + i);
                    expected.add("NodeDataChanged " + path);
                }
                default -> {
                    boolean isLeaf = paths.stream().noneMatch(other -> other.startsWith(path + "/"));
                    if (isLeaf && !path.equals(root)) {
                        client.delete().forPath(path);
                        tree.remove(path);
                        expected.add("NodeDeleted " + path);
                    }
                }
            }
        }
        return expected;
    }

    /** Creates by Curator, which uses more operations than plain clients do, ended in ConnectionLoss. */
    @Test
    void clickhouse_55595_curator_creates_do_not_end_in_connection_loss() throws Exception {
        // Without retries every loss of the connection shows.
        CuratorFramework client = started(CuratorFrameworkFactory.builder().connectString(Service.HOSTS)
                .sessionTimeoutMs(SESSION_MS).connectionTimeoutMs(CONNECTION_MS).retryPolicy(new RetryNTimes(0, 0)));
        List<String> states = new ArrayList<>();
        client.getConnectionStateListenable().addListener((framework, state) -> {
            // It may learn only now that it was connected.
            if (state != ConnectionState.CONNECTED) {
                states.add(state.name());
            }
        });
        long session = client.getZookeeperClient().getZooKeeper().getSessionId();
        Stat stat = new Stat();
        int n = 0;
        for (int round = 0; round < 20; round++) {
            String base = root + "/" + round;
            client.create().forPath(base);
            for (CreateMode mode : CreateMode.values()) {
                if (mode.isTTL()) {
                    client.create().withTtl(100_000).withMode(mode).forPath(base + "/" + n++);
                    client.create().withTtl(100_000).storingStatIn(stat).withMode(mode).forPath(base + "/" + n++);
                } else {
                    client.create().withMode(mode).forPath(base + "/" + n++);
                    client.create().storingStatIn(stat).withMode(mode).forPath(base + "/" + n++);
                    client.create().withProtection().withMode(mode).forPath(base + "/" + n++);
                }
            }
            client.create().creatingParentsIfNeeded().forPath(base + "/parents/a/b/c");
            client.create().creatingParentContainersIfNeeded().forPath(base + "/containers/a/b/c");
            client.create().creatingParentContainersIfNeeded().withMode(CreateMode.EPHEMERAL).forPath(base + "/containers/a/d");
            client.create().orSetData().creatingParentsIfNeeded().forPath(base + "/parents/a/b/c", bytes("again"));
            client.create().idempotent().forPath(base + "/idempotent", bytes("x"));
            client.create().compressed().forPath(base + "/compressed", bytes("x"));
        }
        assertEquals(List.of(), states);
        assertEquals(session, client.getZookeeperClient().getZooKeeper().getSessionId());
        org.junit.jupiter.api.Assertions.assertThrows(KeeperException.NodeExistsException.class,
                () -> client.create().forPath(root + "/0"));
    }
}
