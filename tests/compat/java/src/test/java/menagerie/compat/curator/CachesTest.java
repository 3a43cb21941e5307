package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Wait;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.junit.jupiter.api.Test;

/** All four caches and their listeners. */
@SuppressWarnings("deprecation")
class CachesTest extends CuratorCase {
    private final ConcurrentLinkedQueue<String> told = new ConcurrentLinkedQueue<>();

    /** Changes below root by the other client, each after the one before was told; a cache may see only some depth. */
    private void change(boolean deep) throws Exception {
        two.create().forPath(root + "/a", bytes("1"));
        awaitTold("/a");
        two.setData().forPath(root + "/a", bytes("2"));
        awaitTold("2");
        two.create().forPath(root + "/a/b", bytes("deep"));
        if (deep) {
            awaitTold("ADDED " + root + "/a/b");
        }
        two.delete().forPath(root + "/a/b");
        two.delete().forPath(root + "/a");
        awaitTold("REMOVED " + root + "/a");
    }

    private void awaitTold(String part) {
        Wait.until("told of " + part + ", only of " + told, () -> told.stream().anyMatch(line -> line.contains(part)));
    }

    @Test
    void pathChildrenCache() throws Exception {
        one.create().forPath(root + "/before", bytes("x"));
        var cache = closing(new PathChildrenCache(one, root, true));
        cache.getListenable().addListener((client, event) -> told.add(event.getType().name().replace("CHILD_", "") + " "
                + (event.getData() == null ? "" : event.getData().getPath() + " " + text(event.getData().getData()))));
        cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
        awaitTold("INITIALIZED");
        assertEquals("x", text(cache.getCurrentData(root + "/before").getData()));
        change(false);
        assertEquals(List.of("ADDED", "UPDATED", "REMOVED"), told.stream().filter(line -> line.contains(root + "/a "))
                .map(line -> line.split(" ")[0]).toList());
        assertEquals(1, cache.getCurrentData().size());
    }

    @Test
    void nodeCache() throws Exception {
        var cache = closing(new NodeCache(one, root + "/node"));
        cache.getListenable().addListener(() -> {
            var data = cache.getCurrentData();
            told.add(data == null ? "gone" : text(data.getData()));
        });
        cache.start(true);
        two.create().forPath(root + "/node", bytes("first"));
        awaitTold("first");
        two.setData().forPath(root + "/node", bytes("second"));
        awaitTold("second");
        two.delete().forPath(root + "/node");
        awaitTold("gone");
        two.create().forPath(root + "/node", bytes("third"));
        awaitTold("third");
    }

    @Test
    void treeCache() throws Exception {
        one.create().creatingParentsIfNeeded().forPath(root + "/x/y/z", bytes("deep"));
        var cache = closing(TreeCache.newBuilder(one, root).build());
        cache.getListenable().addListener((client, event) -> told.add(event.getType().name().replace("NODE_", "") + " "
                + (event.getData() == null ? "" : event.getData().getPath() + " " + text(event.getData().getData()))));
        cache.start();
        awaitTold("INITIALIZED");
        assertEquals("deep", text(cache.getCurrentData(root + "/x/y/z").getData()));
        change(true);
        Wait.until("the tree is as it is", () -> cache.getCurrentChildren(root).keySet().equals(java.util.Set.of("x")));
    }

    @Test
    void curatorCache() throws Exception {
        one.create().forPath(root + "/before", bytes("x"));
        var initialized = new CountDownLatch(1);
        var cache = closing(CuratorCache.build(one, root));
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> told.add("ADDED " + node.getPath() + " " + text(node.getData())))
                .forChanges((old, node) -> told.add("UPDATED " + node.getPath() + " " + text(node.getData())))
                .forDeletes(node -> told.add("REMOVED " + node.getPath()))
                .forInitialized(initialized::countDown).build());
        cache.start();
        assertTrue(initialized.await(Wait.SECONDS, TimeUnit.SECONDS));
        assertEquals("x", text(cache.get(root + "/before").orElseThrow().getData()));
        change(true);
        Wait.until("as it is", () -> cache.stream().map(node -> node.getPath()).sorted().toList()
                .equals(List.of(root, root + "/before")));
    }

    @Test
    void curatorCacheOfASingleNodeAndWithBridges() throws Exception {
        var single = closing(CuratorCache.build(one, root, CuratorCache.Options.SINGLE_NODE_CACHE));
        single.listenable().addListener(CuratorCacheListener.builder().forNodeCache(() -> told.add("node")).build());
        single.start();
        awaitTold("node");
        var whole = closing(CuratorCache.build(one, root));
        whole.listenable().addListener(CuratorCacheListener.builder().forPathChildrenCache(root, one,
                (client, event) -> told.add("path " + event.getType())).build());
        whole.listenable().addListener(CuratorCacheListener.builder().forTreeCache(one,
                (client, event) -> told.add("tree " + event.getType())).build());
        whole.start();
        awaitTold("tree INITIALIZED");
        two.create().forPath(root + "/child");
        awaitTold("path CHILD_ADDED");
        assertEquals(1, single.size());
    }

    @Test
    void cachesAreRightAgainAfterAnOutage() throws Exception {
        var proxy = proxy(0);
        var shaky = open(proxy.address(), SESSION_MS);
        one.create().forPath(root + "/stays", bytes("old"));
        one.create().forPath(root + "/goes");
        var modern = closing(CuratorCache.build(shaky, root));
        var tree = closing(TreeCache.newBuilder(shaky, root).build());
        var children = closing(new PathChildrenCache(shaky, root, true));
        modern.start();
        tree.start();
        children.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        Wait.until("filled", () -> modern.size() == 3 && tree.getCurrentChildren(root) != null
                && tree.getCurrentChildren(root).size() == 2 && children.getCurrentData().size() == 2);
        proxy.cut();
        one.delete().forPath(root + "/goes");
        one.setData().forPath(root + "/stays", bytes("new"));
        one.create().forPath(root + "/comes");
        proxy.resume();
        List<String> expected = List.of(root + "/comes", root + "/stays");
        Wait.untilEqual(expected, () -> children.getCurrentData().stream().map(node -> node.getPath()).sorted().toList());
        Wait.untilEqual(expected, () -> tree.getCurrentChildren(root).values().stream().map(node -> node.getPath())
                .sorted().toList());
        Wait.untilEqual(expected, () -> modern.stream().map(node -> node.getPath()).filter(path -> !path.equals(root))
                .sorted().toList());
        Wait.untilEqual("new", () -> text(modern.get(root + "/stays").orElseThrow().getData()));
        Wait.untilEqual("new", () -> text(tree.getCurrentData(root + "/stays").getData()));
    }
}
