package menagerie.compat.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import menagerie.compat.Events;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.function.Executable;

/** A connected handle and a znode of the case's own; whatever a case opens is closed behind it. */
abstract class ClientCase {
    static final int TIMEOUT_MS = 10_000;

    private final List<AutoCloseable> opened = new ArrayList<>();
    /** The default watcher of {@link #zk}. */
    Events events;
    ZooKeeper zk;
    String root;

    @BeforeEach
    void connect() throws Exception {
        events = new Events();
        zk = open(Service.HOSTS, events);
        root = "/java-" + UUID.randomUUID();
        zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    @AfterEach
    void closeAll() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
    }

    <T extends AutoCloseable> T closing(T resource) {
        opened.add(resource);
        return resource;
    }

    ZooKeeper open(String hosts, Events events) throws Exception {
        return connected(closing(new ZooKeeper(hosts, TIMEOUT_MS, events)), events);
    }

    /** Another client, on server {@code n} where there are several. */
    ZooKeeper open(int n) throws Exception {
        return open(Service.address(n), new Events());
    }

    ZooKeeper open(String hosts, Events events, ZKClientConfig config) throws Exception {
        return connected(closing(new ZooKeeper(hosts, TIMEOUT_MS, events, config)), events);
    }

    static ZooKeeper connected(ZooKeeper handle, Events events) throws InterruptedException {
        events.await(KeeperState.SyncConnected);
        return handle;
    }

    Proxy proxy(int n) throws IOException {
        return closing(new Proxy(Service.address(n)));
    }

    String create(String path) throws Exception {
        return create(path, CreateMode.PERSISTENT);
    }

    String create(String path, CreateMode mode) throws Exception {
        return zk.create(path, bytes("data"), Ids.OPEN_ACL_UNSAFE, mode);
    }

    /** The client asks lists for null, which List.of does not answer. */
    static List<ACL> acl(ACL... entries) {
        return Arrays.asList(entries);
    }

    static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    static String text(byte[] data) {
        return new String(data, UTF_8);
    }

    /** The call must fail with this code, and name this path. */
    static KeeperException fails(KeeperException.Code code, String path, Executable call) {
        KeeperException error = assertThrows(KeeperException.class, call);
        assertEquals(code, error.code());
        assertEquals(path, error.getPath());
        return error;
    }

    /** The call must fail with this code. */
    static KeeperException fails(KeeperException.Code code, Executable call) {
        KeeperException error = assertThrows(KeeperException.class, call);
        assertEquals(code, error.code());
        return error;
    }
}
