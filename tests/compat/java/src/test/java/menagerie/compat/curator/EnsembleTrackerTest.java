package menagerie.compat.curator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryForever;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** Curator reads /zookeeper/config and connects to what it lists: that must be where clients can connect. */
@Isolated("one case changes the membership")
class EnsembleTrackerTest extends CuratorCase {
    private CuratorFramework tracking(String hosts) throws Exception {
        return started(CuratorFrameworkFactory.builder().connectString(hosts).sessionTimeoutMs(SESSION_MS)
                .connectionTimeoutMs(CONNECTION_MS).retryPolicy(new RetryForever(100)).ensembleTracker(true));
    }

    private static Set<String> hosts(CuratorFramework client) {
        return new TreeSet<>(List.of(client.getZookeeperClient().getCurrentConnectionString().split(",")));
    }

    @Test
    void goesOnByTheListThatItReads() throws Exception {
        Proxy proxy = proxy(0);
        CuratorFramework client = tracking(proxy.address());
        client.create().forPath(root + "/a");
        if (Service.isEnsemble()) {
            Wait.untilEqual(new TreeSet<>(Service.addresses()), () -> hosts(client));
            // From here on the proxy is not needed.
            proxy.cut();
        } else {
            Wait.until("the configuration was read", () -> client.getCurrentConfig() != null);
            proxy.drop();
        }
        Wait.until("it goes on", () -> client.setData().forPath(root + "/a", bytes("x")) != null);
    }

    @Test
    void followsAReconfiguration() throws Exception {
        if (!Service.isEnsemble()) {
            return;
        }
        CuratorFramework client = tracking(Service.HOSTS);
        CuratorFramework boss = started(CuratorFrameworkFactory.builder().connectString(Service.HOSTS)
                .authorization("digest", bytes("super:" + Service.SUPER_PASSWORD)).retryPolicy(new RetryForever(100))
                .ensembleTracker(false));
        byte[] before = boss.getConfig().forEnsemble();
        assertNotNull(before);
        String third = text(before).lines().filter(line -> line.startsWith("server.3=")).findFirst().orElseThrow();
        boss.reconfig().leaving("3").forEnsemble();
        Wait.untilEqual(new TreeSet<>(Service.addresses().subList(0, 2)), () -> hosts(client));
        Wait.until("usable", () -> client.checkExists().forPath(root) != null);
        Wait.until("joined", () -> boss.reconfig().joining(third).forEnsemble() != null);
        Wait.untilEqual(new TreeSet<>(Service.addresses()), () -> hosts(client));
        assertEquals(3, client.getCurrentConfig().getAllMembers().size());
    }
}
