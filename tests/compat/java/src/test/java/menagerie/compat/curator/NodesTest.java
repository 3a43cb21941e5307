package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Wait;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.details.ServiceCacheListener;
import org.apache.zookeeper.CreateMode;
import org.junit.jupiter.api.Test;

/** Nodes that come back, watchers that stay, members and services. */
class NodesTest extends CuratorCase {
    @Test
    void persistentNodeComesBackWhenItIsDeleted() throws Exception {
        for (var mode : List.of(CreateMode.EPHEMERAL, CreateMode.PERSISTENT, CreateMode.EPHEMERAL_SEQUENTIAL)) {
            var node = closing(new PersistentNode(one, mode, false, root + "/" + mode, bytes("mine")));
            node.start();
            assertTrue(node.waitForInitialCreate(Wait.SECONDS, TimeUnit.SECONDS));
            String path = node.getActualPath();
            long created = one.checkExists().forPath(path).getCzxid();
            two.sync().forPath(path);
            Wait.until("deleted", () -> {
                two.delete().forPath(path);
                return true;
            });
            Wait.until("back", () -> one.checkExists().forPath(node.getActualPath()).getCzxid() != created);
            assertEquals("mine", text(one.getData().forPath(node.getActualPath())));
            node.setData(bytes("changed"));
            Wait.untilEqual("changed", () -> text(two.getData().forPath(node.getActualPath())));
        }
    }

    @Test
    void persistentNodeOutlivesItsSession() throws Exception {
        var proxy = proxy(0);
        var shaky = open(proxy.address(), 4_000);
        var node = closing(new PersistentNode(shaky, CreateMode.EPHEMERAL, true, root + "/node", bytes("mine")));
        node.start();
        assertTrue(node.waitForInitialCreate(Wait.SECONDS, TimeUnit.SECONDS));
        long owner = one.checkExists().forPath(node.getActualPath()).getEphemeralOwner();
        proxy.cut();
        Wait.until("expired", () -> one.checkExists().forPath(node.getActualPath()) == null);
        proxy.resume();
        Wait.until("back", () -> one.checkExists().forPath(node.getActualPath()) != null);
        assertNotEquals(owner, one.checkExists().forPath(node.getActualPath()).getEphemeralOwner());
    }

    @Test
    void persistentTtlNodeLivesWhileItIsTouched() throws Exception {
        var node = new PersistentTtlNode(one, root + "/ttl", 2_000, bytes("x"));
        node.start();
        assertTrue(node.waitForInitialCreate(Wait.SECONDS, TimeUnit.SECONDS));
        // Another that nobody touches measures the time.
        two.create().withTtl(4_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath(root + "/clock");
        Wait.until("the clock is gone", () -> two.checkExists().forPath(root + "/clock") == null);
        assertNotNull(one.checkExists().forPath(root + "/ttl"));
        node.close();
        Wait.until("gone", () -> two.checkExists().forPath(root + "/ttl") == null);
    }

    @Test
    void persistentWatcherStaysThroughOutages() throws Exception {
        var proxy = proxy(0);
        var shaky = open(proxy.address(), SESSION_MS);
        var told = new LinkedBlockingQueue<String>();
        var watcher = closing(new PersistentWatcher(shaky, root, true));
        var reset = new LinkedBlockingQueue<String>();
        watcher.getListenable().addListener(event -> {
            if (event.getPath() != null) {
                told.add(event.getType() + " " + event.getPath());
            }
        });
        watcher.getResetListenable().addListener(() -> reset.add("reset"));
        watcher.start();
        for (int i = 0; i < 3; i++) {
            assertNotNull(reset.poll(Wait.SECONDS, TimeUnit.SECONDS));
            one.create().forPath(root + "/n" + i);
            List<String> seen = new ArrayList<>();
            String expected = "NodeCreated " + root + "/n" + i;
            Wait.until(expected, () -> {
                told.drainTo(seen);
                return seen.contains(expected);
            });
            proxy.drop();
        }
    }

    @Test
    void groupMembership() throws Exception {
        var first = new GroupMember(one, root + "/group", "first", bytes("1"));
        var second = closing(new GroupMember(two, root + "/group", "second", bytes("2")));
        first.start();
        second.start();
        Wait.untilEqual(Set.of("first", "second"), () -> second.getCurrentMembers().keySet());
        Wait.untilEqual(Set.of("first", "second"), () -> first.getCurrentMembers().keySet());
        // It is a member before it knows that it is, and may not be changed before.
        Wait.until("changed", () -> {
            first.setThisData(bytes("changed"));
            return true;
        });
        Wait.untilEqual("changed", () -> text(second.getCurrentMembers().get("first")));
        first.close();
        Wait.untilEqual(Set.of("second"), () -> second.getCurrentMembers().keySet());
    }

    @Test
    void serviceDiscovery() throws Exception {
        var registered = ServiceInstance.<Void>builder().name("web").address("127.0.0.1").port(80).build();
        var mine = discovery(one);
        mine.registerService(registered);
        var theirs = discovery(two);
        Wait.untilEqual(List.of("web"), () -> List.copyOf(theirs.queryForNames()));
        assertEquals(80, theirs.queryForInstance("web", registered.getId()).getPort());
        var provider = closing(theirs.serviceProviderBuilder().serviceName("web").build());
        provider.start();
        Wait.until("provided", () -> provider.getInstance() != null);
        ServiceCache<Void> cache = closing(theirs.serviceCacheBuilder().name("web").build());
        var changed = new CompletableFuture<Void>();
        cache.addListener(new ServiceCacheListener() {
            @Override
            public void cacheChanged() {
                changed.complete(null);
            }

            @Override
            public void stateChanged(org.apache.curator.framework.CuratorFramework client,
                    org.apache.curator.framework.state.ConnectionState state) {}
        });
        cache.start();
        Wait.until("cached", () -> cache.getInstances().size() == 1);
        var second = ServiceInstance.<Void>builder().name("web").address("127.0.0.1").port(81).build();
        mine.registerService(second);
        changed.get(Wait.SECONDS, TimeUnit.SECONDS);
        Wait.until("both", () -> cache.getInstances().size() == 2);
        mine.unregisterService(registered);
        Wait.until("one", () -> cache.getInstances().size() == 1 && provider.getAllInstances().size() == 1);
    }

    private ServiceDiscovery<Void> discovery(org.apache.curator.framework.CuratorFramework client) throws Exception {
        ServiceDiscovery<Void> discovery =
                closing(ServiceDiscoveryBuilder.builder(Void.class).client(client).basePath(root + "/services").build());
        discovery.start();
        return discovery;
    }
}
