package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.junit.jupiter.api.Test;

/** Login by SASL DIGEST-MD5; the sections are those of the runner's client-jaas.conf. */
class SaslTest extends ClientCase {
    private static ZKClientConfig section(String name) {
        ZKClientConfig config = new ZKClientConfig();
        config.setProperty(ZKClientConfig.ENABLE_CLIENT_SASL_KEY, "true");
        // The only mechanism for names and passwords is DIGEST-MD5, which this mode forbids; it is on unless told otherwise.
        config.setProperty("zookeeper.fips-mode", "false");
        config.setProperty(ZKClientConfig.LOGIN_CONTEXT_NAME_KEY, name);
        return config;
    }

    private ZooKeeper as(String section) throws Exception {
        return open(Service.HOSTS, new Events(), section(section));
    }

    @Test
    void logsInAndIsKnown() throws Exception {
        ZooKeeper bob = as("Bob");
        Wait.untilEqual(List.of("ip:127.0.0.1", "sasl:bob"), () -> bob.whoAmI().stream()
                .map(who -> who.getAuthScheme() + ":" + who.getUser()).sorted().toList());
    }

    @Test
    void aclsOfTheSaslScheme() throws Exception {
        List<ACL> his = acl(new ACL(Perms.ALL, new Id("sasl", "bob")));
        String path = zk.create(root + "/his", bytes("x"), his, CreateMode.PERSISTENT);
        assertEquals("x", text(as("Bob").getData(path, false, null)));
        fails(Code.NOAUTH, path, () -> zk.getData(path, false, null));
        fails(Code.NOAUTH, path, () -> as("Carol").getData(path, false, null));
    }

    @Test
    void authExpandsToTheSaslIdentity() throws Exception {
        String path = as("Carol").create(root + "/hers", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        ZooKeeper carol = as("Carol");
        assertEquals(acl(new ACL(Perms.ALL, new Id("sasl", "carol"))), carol.getACL(path, null));
        fails(Code.NOAUTH, path, () -> zk.getACL(path, null));
    }

    @Test
    void aWrongPasswordFailsTheLogin() throws Exception {
        Events own = new Events();
        ZooKeeper client = closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, own, section("Impostor")));
        own.await(KeeperState.AuthFailed);
        fails(Code.AUTHFAILED, () -> client.exists("/", false));
    }

    @Test
    void anUnknownUserFailsTheLogin() throws Exception {
        Events own = new Events();
        closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, own, section("Nobody")));
        own.await(KeeperState.AuthFailed);
    }

    @Test
    void theIdentityIsThereAgainAfterAReconnect() throws Exception {
        var proxy = proxy(0);
        ZooKeeper bob = open(proxy.address(), new Events(), section("Bob"));
        List<ACL> his = acl(new ACL(Perms.ALL, new Id("sasl", "bob")));
        String path = zk.create(root + "/his", null, his, CreateMode.PERSISTENT);
        for (int i = 0; i < 3; i++) {
            proxy.drop();
            Wait.until("connected again", () -> bob.setData(path, null, -1) != null);
        }
    }

    @Test
    void watchesAndRequestsQueueBehindTheLogin() throws Exception {
        Events own = new Events();
        ZooKeeper bob = closing(new ZooKeeper(Service.HOSTS, TIMEOUT_MS, own, section("Bob")));
        // Not waiting for the connection.
        bob.getData(root, own, null);
        zk.setData(root, null, -1);
        own.expect(EventType.NodeDataChanged, root);
        assertTrue(bob.getState().isConnected());
        assertThrows(IllegalArgumentException.class, () -> bob.exists("relative", false));
    }
}
