package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import menagerie.compat.Events;
import menagerie.compat.Proxy;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.junit.jupiter.api.Test;

/** The secure client port: PEM stores, and the identity that a client's certificate gives. */
class TlsTest extends ClientCase {
    private static final String SUBJECT = "CN=client,O=Menagerie Compat,C=DE";

    static ZKClientConfig tls(String certificate) {
        ZKClientConfig config = new ZKClientConfig();
        config.setProperty(ZKClientConfig.SECURE_CLIENT, "true");
        config.setProperty(ZKClientConfig.ZOOKEEPER_CLIENT_CNXN_SOCKET, "org.apache.zookeeper.ClientCnxnSocketNetty");
        config.setProperty("zookeeper.ssl.trustStore.location", Service.TLS_DIRECTORY + "/ca.pem");
        if (certificate != null) {
            config.setProperty("zookeeper.ssl.keyStore.location", Service.TLS_DIRECTORY + "/" + certificate);
        }
        return config;
    }

    private ZooKeeper secure() throws Exception {
        return open(Service.SECURE_HOSTS, new Events(), tls("client.pem"));
    }

    /** A connection attempt must not lead to a session. */
    private void refused(String hosts, ZKClientConfig config) throws Exception {
        var connected = new java.util.concurrent.CountDownLatch(1);
        closing(new ZooKeeper(hosts, TIMEOUT_MS, event -> {
            if (event.getState() == org.apache.zookeeper.Watcher.Event.KeeperState.SyncConnected) {
                connected.countDown();
            }
        }, config));
        // That it never happens cannot be waited for; this is longer than a session takes to open.
        assertFalse(connected.await(3, TimeUnit.SECONDS));
    }

    @Test
    void readsWritesAndWatches() throws Exception {
        ZooKeeper client = secure();
        Events own = new Events();
        client.getChildren(root, own);
        String path = client.create(root + "/a", bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        own.expect(EventType.NodeChildrenChanged, root);
        zk.sync(root, (rc, p, ctx) -> {}, null);
        assertEquals("x", text(zk.getData(path, false, null)));
        byte[] large = new byte[900_000];
        client.setData(path, large, 0);
        assertEquals(large.length, client.getData(path, false, null).length);
    }

    @Test
    void theCertificateIsTheIdentity() throws Exception {
        ZooKeeper client = secure();
        assertEquals(List.of("ip:127.0.0.1", "x509:" + SUBJECT), client.whoAmI().stream()
                .map(who -> who.getAuthScheme() + ":" + who.getUser()).sorted().toList());
        List<ACL> its = acl(new ACL(Perms.ALL, new Id("x509", SUBJECT)));
        String path = client.create(root + "/its", bytes("x"), its, CreateMode.PERSISTENT);
        assertEquals("x", text(client.getData(path, false, null)));
        zk.sync(root, (rc, p, ctx) -> {}, null);
        fails(Code.NOAUTH, path, () -> zk.getData(path, false, null));
        String hers = client.create(root + "/auth", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        assertEquals(its, client.getACL(hers, null));
    }

    @Test
    void strangersAndNamelessClientsAreRefused() throws Exception {
        refused(Service.SECURE_HOSTS, tls("stranger.pem"));
        refused(Service.SECURE_HOSTS, tls(null));
    }

    @Test
    void plainTextOnTheSecurePortAndTlsOnThePlainOneFail() throws Exception {
        refused(Service.SECURE_HOSTS, new ZKClientConfig());
        refused(Service.HOSTS, tls("client.pem"));
    }

    @Test
    void sessionsOutliveSecureConnections() throws Exception {
        Proxy proxy = closing(new Proxy(Service.SECURE_HOSTS.split(",")[0]));
        ZooKeeper client = open(proxy.address(), new Events(), tls("client.pem"));
        long session = client.getSessionId();
        Events own = new Events();
        client.getData(root, own, null);
        proxy.drop();
        zk.setData(root, null, -1);
        own.expect(EventType.NodeDataChanged, root);
        Wait.until("usable", () -> client.exists(root, false) != null);
        assertEquals(session, client.getSessionId());
    }

    @Test
    void manyRequestsInFlight() throws Exception {
        ZooKeeper client = secure();
        var done = new java.util.concurrent.CountDownLatch(500);
        IntStream.range(0, 500).forEach(i -> client.create(root + "/n" + i, new byte[500], Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT, (rc, path, ctx, name) -> {
                    if (rc == 0) {
                        done.countDown();
                    }
                }, null));
        assertEquals(true, done.await(Wait.SECONDS, TimeUnit.SECONDS));
        assertEquals(500, client.getChildren(root, false).size());
    }
}
