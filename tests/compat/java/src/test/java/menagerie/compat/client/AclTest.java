package menagerie.compat.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import menagerie.compat.Events;
import menagerie.compat.Service;
import menagerie.compat.Wait;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;
import org.junit.jupiter.api.Test;

/** Access control lists and who one is. */
class AclTest extends ClientCase {
    private static final String ALICE = "alice:wonderland";

    private static Id digest(String credentials) throws Exception {
        return new Id("digest", DigestAuthenticationProvider.generateDigest(credentials));
    }

    private ZooKeeper as(String credentials) throws Exception {
        ZooKeeper client = open(0);
        client.addAuthInfo("digest", bytes(credentials));
        return client;
    }

    @Test
    void worldPermissionsAreEnforcedOneByOne() throws Exception {
        String read = zk.create(root + "/read", bytes("x"), Ids.READ_ACL_UNSAFE, CreateMode.PERSISTENT);
        assertEquals("x", text(zk.getData(read, false, null)));
        fails(Code.NOAUTH, read, () -> zk.setData(read, null, -1));
        fails(Code.NOAUTH, read + "/c", () -> create(read + "/c"));
        fails(Code.NOAUTH, read, () -> zk.setACL(read, Ids.OPEN_ACL_UNSAFE, -1));
        List<ACL> write = acl(new ACL(Perms.WRITE | Perms.CREATE, Ids.ANYONE_ID_UNSAFE));
        String writable = zk.create(root + "/write", null, write, CreateMode.PERSISTENT);
        zk.setData(writable, bytes("y"), 0);
        create(writable + "/child");
        fails(Code.NOAUTH, writable, () -> zk.getData(writable, false, null));
        fails(Code.NOAUTH, writable + "/child", () -> zk.delete(writable + "/child", -1));
        fails(Code.NOAUTH, writable, () -> zk.getACL(writable, null));
    }

    @Test
    void authExpandsToWhoIsLoggedIn() throws Exception {
        ZooKeeper alice = as(ALICE);
        String path = alice.create(root + "/hers", bytes("x"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        Stat stat = new Stat();
        assertEquals(acl(new ACL(Perms.ALL, digest(ALICE))), alice.getACL(path, stat));
        assertEquals(0, stat.getAversion());
        fails(Code.NOAUTH, path, () -> zk.getData(path, false, null));
        zk.addAuthInfo("digest", bytes(ALICE));
        assertEquals("x", text(zk.getData(path, false, null)));
    }

    @Test
    void digestGuardsAndAclChangesCount() throws Exception {
        ZooKeeper alice = as(ALICE);
        List<ACL> acl = acl(new ACL(Perms.ALL, digest(ALICE)), new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE));
        String path = zk.create(root + "/d", null, acl, CreateMode.PERSISTENT);
        assertEquals(acl.size(), alice.getACL(path, null).size());
        fails(Code.NOAUTH, path, () -> zk.setData(path, null, -1));
        alice.setData(path, bytes("1"), 0);
        assertEquals(1, alice.setACL(path, Ids.READ_ACL_UNSAFE, 0).getAversion());
        fails(Code.NOAUTH, path, () -> alice.setData(path, bytes("2"), 1));
    }

    @Test
    void digestsOfOthersAreMaskedForWhoMayOnlyRead() throws Exception {
        List<ACL> acl = acl(new ACL(Perms.ALL, digest(ALICE)), new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE));
        String path = zk.create(root + "/d", null, acl, CreateMode.PERSISTENT);
        assertEquals("alice:x", zk.getACL(path, null).get(0).getId().getId());
        assertEquals(digest(ALICE), as(ALICE).getACL(path, null).get(0).getId());
    }

    @Test
    void ipMatchesAddressesAndNetworks() throws Exception {
        for (String id : List.of("127.0.0.1", "127.0.0.0/8", "127.0.0.1/32")) {
            List<ACL> acl = acl(new ACL(Perms.ALL, new Id("ip", id)));
            String path = zk.create(root + "/" + id.replace('/', '-'), bytes("x"), acl, CreateMode.PERSISTENT);
            assertEquals("x", text(zk.getData(path, false, null)), id);
            assertEquals(acl, zk.getACL(path, null));
        }
        for (String id : List.of("10.1.2.3", "10.0.0.0/8", "::1", "fe80::/10")) {
            List<ACL> acl = acl(new ACL(Perms.ALL, new Id("ip", id)));
            String path = zk.create(root + "/" + id.replace('/', '-'), null, acl, CreateMode.PERSISTENT);
            fails(Code.NOAUTH, path, () -> zk.getData(path, false, null));
        }
    }

    @Test
    void superUserMayDoEverything() throws Exception {
        List<ACL> nobody = acl(new ACL(0, Ids.ANYONE_ID_UNSAFE));
        String path = zk.create(root + "/closed", bytes("x"), nobody, CreateMode.PERSISTENT);
        ZooKeeper boss = as("super:" + Service.SUPER_PASSWORD);
        assertEquals("x", text(boss.getData(path, false, null)));
        boss.setData(path, null, 0);
        boss.setACL(path, Ids.OPEN_ACL_UNSAFE, 0);
        zk.setData(path, bytes("open"), 1);
        ZooKeeper impostor = as("super:wrong");
        impostor.setACL(path, nobody, 1);
        fails(Code.NOAUTH, path, () -> impostor.getData(path, false, null));
    }

    @Test
    void whoAmIListsEveryIdentity() throws Exception {
        ZooKeeper both = as(ALICE);
        both.addAuthInfo("digest", bytes("bob:builder"));
        assertEquals(List.of(new ClientInfo("ip", "127.0.0.1")), zk.whoAmI());
        assertEquals(
                List.of("digest:alice", "digest:bob", "ip:127.0.0.1"),
                both.whoAmI().stream().map(who -> who.getAuthScheme() + ":" + who.getUser()).sorted().toList());
    }

    @Test
    void identitiesAreThereAgainAfterAReconnect() throws Exception {
        var proxy = proxy(0);
        ZooKeeper alice = open(proxy.address(), new Events());
        alice.addAuthInfo("digest", bytes(ALICE));
        String path = alice.create(root + "/hers", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        proxy.drop();
        Wait.until("connected again", () -> alice.getData(path, false, null) == null);
    }

    @Test
    void eventsNeedReadPermission() throws Exception {
        ZooKeeper alice = as(ALICE);
        String path = root + "/secret";
        assertNull(zk.exists(path, events));
        alice.create(path, null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        // The marker's event comes after the one that must not come.
        zk.exists(root, events);
        zk.setData(root, null, -1);
        events.expect(EventType.NodeDataChanged, root);
        events.assertNone();
    }

    @Test
    void aclsAreCheckedWhereTheReferenceSays() throws Exception {
        // Deleting needs the parent's permission, and none of the child's.
        List<ACL> nobody = acl(new ACL(0, Ids.ANYONE_ID_UNSAFE));
        String path = zk.create(root + "/closed", null, nobody, CreateMode.PERSISTENT);
        zk.delete(path, -1);
        assertNull(zk.exists(path, false));
        List<ACL> admin = acl(new ACL(Perms.ADMIN, Ids.ANYONE_ID_UNSAFE));
        String administered = zk.create(root + "/admin", null, admin, CreateMode.PERSISTENT);
        assertEquals(admin, zk.getACL(administered, null));
        zk.setACL(administered, Ids.OPEN_ACL_UNSAFE, 0);
        assertNotNull(zk.exists(administered, false));
        assertTrue(zk.getChildren(administered, false).isEmpty());
    }
}
