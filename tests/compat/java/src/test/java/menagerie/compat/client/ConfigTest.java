package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** The configuration of the ensemble, read and changed. */
@Isolated("changes the membership that all others rely on")
class ConfigTest extends ClientCase {
    private ZooKeeperAdmin admin;

    @BeforeEach
    void openAdmin() throws Exception {
        Events own = new Events();
        admin = closing(new ZooKeeperAdmin(Service.HOSTS, TIMEOUT_MS, own));
        connected(admin, own);
    }

    private void becomeSuper() {
        admin.addAuthInfo("digest", bytes("super:" + Service.SUPER_PASSWORD));
    }

    private static List<String> servers(byte[] config) {
        return text(config).lines().filter(line -> line.startsWith("server.")).sorted().toList();
    }

    @Test
    void listsTheServersThatClientsMayConnectTo() throws Exception {
        assumeTrue(Service.isEnsemble());
        Stat stat = new Stat();
        String config = text(admin.getConfig(false, stat));
        String[] lines = config.split("\n");
        assertTrue(lines[lines.length - 1].startsWith("version="), config);
        assertEquals(
                Service.addresses().stream().sorted().toList(),
                servers(bytes(config)).stream().map(line -> line.substring(line.indexOf(';') + 1)).sorted().toList());
        assertEquals(config, text(zk.getData("/zookeeper/config", false, null)));
    }

    @Test
    void aStandaloneServerCannotBeReconfigured() throws Exception {
        assumeFalse(Service.isEnsemble());
        becomeSuper();
        fails(Code.UNIMPLEMENTED, () -> admin.reconfigure("server.9=127.0.0.1:1:2;3", null, null, -1, null));
        assertNotNull(zk.exists("/zookeeper/config", false));
    }

    @Test
    void onlyTheSuperUserMayReconfigure() throws Exception {
        assumeTrue(Service.isEnsemble());
        fails(Code.NOAUTH, () -> admin.reconfigure((String) null, "3", null, -1, null));
        assertEquals(3, servers(admin.getConfig(false, null)).size());
    }

    @Test
    void badRequestsAreRefused() throws Exception {
        assumeTrue(Service.isEnsemble());
        becomeSuper();
        fails(Code.BADARGUMENTS, () -> admin.reconfigure("server.3=nonsense", null, null, -1, null));
        fails(Code.BADARGUMENTS, () -> admin.reconfigure((String) null, "1,2,3", null, -1, null));
        fails(Code.BADVERSION, () -> admin.reconfigure((String) null, "3", null, 12345, null));
        fails(Code.NEWCONFIGNOQUORUM, () -> admin.reconfigure(null, null,
                "server.7=127.0.0.1:24801:24802;24803,server.8=127.0.0.1:24804:24805;24806", -1, null));
        assertEquals(3, servers(admin.getConfig(false, null)).size());
    }

    @Test
    void aMemberLeavesAndJoinsAgain() throws Exception {
        assumeTrue(Service.isEnsemble());
        becomeSuper();
        List<String> before = servers(admin.getConfig(events, null));
        Stat stat = new Stat();
        byte[] without = admin.reconfigure((String) null, "3", null, -1, stat);
        assertEquals(before.subList(0, 2), servers(without));
        events.expect(EventType.NodeDataChanged, "/zookeeper/config");
        Stat seen = new Stat();
        assertEquals(text(without), text(admin.getConfig(events, seen)));
        assertEquals(stat, seen);
        byte[] with = joins(before.get(2));
        assertEquals(before, servers(with));
        events.expect(EventType.NodeDataChanged, "/zookeeper/config");
        everyServerShows(before);
    }

    /** What a member that just left may need is time, which the client is told by its answer. */
    private byte[] joins(String line) {
        List<byte[]> config = new ArrayList<>();
        Wait.until("joined", () -> config.add(admin.reconfigure(line, null, null, -1, null)));
        return config.get(0);
    }

    @Test
    void aFullListReplacesTheOldOne() throws Exception {
        assumeTrue(Service.isEnsemble());
        becomeSuper();
        List<String> before = servers(admin.getConfig(false, null));
        byte[] two = admin.reconfigure(null, null, before.get(0) + "," + before.get(1), -1, null);
        assertEquals(before.subList(0, 2), servers(two));
        String all = before.stream().collect(Collectors.joining(","));
        Wait.until("all again", () -> {
            // What it is may have changed by a try whose answer was lost.
            byte[] current = admin.getConfig(false, null);
            long version = Long.parseLong(text(current).substring(text(current).lastIndexOf('=') + 1), 16);
            return servers(current).equals(before) || admin.reconfigure(null, null, all, version, null) != null;
        });
        everyServerShows(before);
    }

    private void everyServerShows(List<String> expected) throws Exception {
        for (int n = 0; n < Service.addresses().size(); n++) {
            var client = open(n);
            Wait.untilEqual(expected, () -> servers(client.getConfig(false, null)));
        }
    }
}
