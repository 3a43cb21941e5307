package menagerie.compat.curator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryForever;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Two connected frameworks, on different servers where there are several, and a znode of the case's own. */
abstract class CuratorCase {
    static final int SESSION_MS = 10_000;
    static final int CONNECTION_MS = 10_000;

    private final List<AutoCloseable> opened = new ArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    CuratorFramework one;
    CuratorFramework two;
    String root;

    @BeforeEach
    void connect() throws Exception {
        one = open(Service.address(0), SESSION_MS);
        two = open(Service.address(1), SESSION_MS);
        root = "/curator-" + UUID.randomUUID();
        one.create().forPath(root);
        two.sync().forPath(root);
        Wait.until("the other sees " + root, () -> two.checkExists().forPath(root) != null);
    }

    @AfterEach
    void closeAll() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
        threads.shutdownNow();
    }

    <T extends AutoCloseable> T closing(T resource) {
        opened.add(resource);
        return resource;
    }

    CuratorFramework open(String hosts, int sessionMs) throws InterruptedException {
        return started(CuratorFrameworkFactory.builder().connectString(hosts).sessionTimeoutMs(sessionMs)
                .connectionTimeoutMs(CONNECTION_MS).retryPolicy(new RetryForever(100))
                // What a list of servers from the ensemble would replace is a proxy's address in some cases.
                .ensembleTracker(false));
    }

    CuratorFramework started(CuratorFrameworkFactory.Builder builder) throws InterruptedException {
        CuratorFramework client = closing(builder.build());
        client.start();
        assertTrue(client.blockUntilConnected(Wait.SECONDS, TimeUnit.SECONDS));
        return client;
    }

    Proxy proxy(int n) throws Exception {
        return closing(new Proxy(Service.address(n)));
    }

    <T> Future<T> async(Callable<T> work) {
        return threads.submit(work);
    }

    static <T> T result(Future<T> future) throws Exception {
        return future.get(Wait.SECONDS, TimeUnit.SECONDS);
    }

    static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    static String text(byte[] data) {
        return data == null ? null : new String(data, UTF_8);
    }
}
