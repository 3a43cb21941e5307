/* ACLs and authentication. */
#include "harness.h"

#include <string.h>

static int add_auth(zhandle_t *handle, const char *scheme, const char *credentials) {
    struct answer *answer = new_answer();
    int rc = zoo_add_auth(handle, scheme, credentials, (int)strlen(credentials), on_void, answer);
    return rc ? rc : await_answers(answer, 1) ? answer->rc : ZOPERATIONTIMEOUT;
}

static const char *default_acl_and_its_version(void) {
    struct ACL_vector acl;
    struct Stat stat;
    REQUIRE_RC(ZOK, zoo_get_acl(zh, root, &acl, &stat));
    REQUIRE_EQ(1, acl.count);
    REQUIRE_EQ(ZOO_PERM_ALL, acl.data[0].perms);
    REQUIRE_STR("world", acl.data[0].id.scheme);
    REQUIRE_STR("anyone", acl.data[0].id.id);
    deallocate_ACL_vector(&acl);
    REQUIRE_RC(ZOK, zoo_set_acl(zh, root, 0, &ZOO_READ_ACL_UNSAFE));
    REQUIRE_RC(ZOK, zoo_get_acl(zh, root, &acl, &stat));
    REQUIRE_EQ(1, stat.aversion);
    REQUIRE_EQ(ZOO_PERM_READ, acl.data[0].perms);
    deallocate_ACL_vector(&acl);
    REQUIRE_RC(ZNOAUTH, zoo_set_acl(zh, root, 1, &ZOO_OPEN_ACL_UNSAFE));
    return NULL;
}

static const char *permissions_are_kept(void) {
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    struct String_vector names;
    struct ACL only_write[] = {{ZOO_PERM_WRITE | ZOO_PERM_ADMIN, {"world", "anyone"}}};
    struct ACL_vector acl = {1, only_write};
    REQUIRE_RC(ZOK, zoo_create(zh, at("n"), "v", 1, &acl, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZNOAUTH, zoo_get(zh, at("n"), 0, value, &length, &stat));
    REQUIRE_RC(ZNOAUTH, zoo_get_children(zh, at("n"), 0, &names));
    REQUIRE_RC(ZNOAUTH, put(at("n/child"), ""));
    REQUIRE_RC(ZNOAUTH, zoo_exists(zh, at("n"), 0, &stat));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "w", 1, -1));
    REQUIRE_RC(ZBADVERSION, zoo_set_acl(zh, at("n"), 7, &ZOO_OPEN_ACL_UNSAFE));
    REQUIRE_RC(ZOK, zoo_set_acl(zh, at("n"), -1, &ZOO_OPEN_ACL_UNSAFE));
    REQUIRE_RC(ZOK, zoo_set_acl(zh, root, -1, &(struct ACL_vector){1, only_write}));
    REQUIRE_RC(ZNOAUTH, zoo_delete(zh, at("n"), -1));
    REQUIRE_RC(ZOK, zoo_set_acl(zh, root, -1, &ZOO_OPEN_ACL_UNSAFE));
    return NULL;
}

static const char *invalid_acls(void) {
    struct ACL none[] = {{ZOO_PERM_ALL, {"nobody", "knows"}}};
    struct ACL_vector unknown = {1, none}, empty = {0, none};
    struct ACL bad_digest[] = {{ZOO_PERM_ALL, {"digest", "no colon"}}};
    struct ACL_vector digest = {1, bad_digest};
    REQUIRE_RC(ZINVALIDACL, zoo_create(zh, at("n"), "", 0, &unknown, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZINVALIDACL, zoo_create(zh, at("n"), "", 0, &empty, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZINVALIDACL, zoo_create(zh, at("n"), "", 0, &digest, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZINVALIDACL, zoo_create(zh, at("n"), "", 0, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZINVALIDACL, zoo_set_acl(zh, root, -1, &unknown));
    return NULL;
}

static const char *digest_auth(void) {
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    struct ACL_vector acl;
    zhandle_t *alice = connected(), *other = connected();
    REQUIRE(alice && other);
    REQUIRE_RC(ZOK, add_auth(alice, "digest", "alice:secret"));
    REQUIRE_RC(ZOK, zoo_create(alice, at("hers"), "v", 1, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_get_acl(alice, at("hers"), &acl, &stat));
    REQUIRE_EQ(1, acl.count);
    REQUIRE_STR("digest", acl.data[0].id.scheme);
    /* base64(sha1("alice:secret")) */
    REQUIRE_STR("alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=", acl.data[0].id.id);
    deallocate_ACL_vector(&acl);
    REQUIRE(synced(other));
    REQUIRE_RC(ZNOAUTH, zoo_get(other, at("hers"), 0, value, &length, &stat));
    REQUIRE_RC(ZOK, add_auth(other, "digest", "alice:wrong"));
    REQUIRE_RC(ZNOAUTH, zoo_get(other, at("hers"), 0, value, &length, &stat));
    REQUIRE_RC(ZOK, add_auth(other, "digest", "alice:secret"));
    REQUIRE_RC(ZOK, zoo_get(other, at("hers"), 0, value, &length, &stat));
    REQUIRE_RC(ZOK, zookeeper_close(alice));
    REQUIRE_RC(ZOK, zookeeper_close(other));
    return NULL;
}

static const char *auth_is_sent_again_after_a_reconnect(void) {
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    zhandle_t *alice = connect_with(host(1), new_events(), 20000, NULL);
    REQUIRE(alice);
    REQUIRE_RC(ZOK, add_auth(alice, "digest", "alice:secret"));
    REQUIRE_RC(ZOK, zoo_create(alice, at("hers"), "v", 1, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
    REQUIRE(control("restart 1"));
    REQUIRE(await_connected(alice));
    REQUIRE_RC(ZOK, zoo_get(alice, at("hers"), 0, value, &length, &stat));
    REQUIRE_RC(ZOK, zookeeper_close(alice));
    REQUIRE(await_connected(zh));
    return NULL;
}

static const char *super_may_everything(void) {
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    zhandle_t *alice = connected(), *super = connected();
    REQUIRE(alice && super);
    REQUIRE_RC(ZOK, add_auth(alice, "digest", "alice:secret"));
    REQUIRE_RC(ZOK, zoo_create(alice, at("hers"), "v", 1, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, add_auth(super, "digest", "super:test"));
    REQUIRE(synced(super));
    REQUIRE_RC(ZOK, zoo_get(super, at("hers"), 0, value, &length, &stat));
    REQUIRE_RC(ZOK, zoo_set(super, at("hers"), "w", 1, -1));
    REQUIRE_RC(ZOK, zookeeper_close(super));
    REQUIRE_RC(ZOK, zookeeper_close(alice));
    return NULL;
}

static const char *address_of_the_client(void) {
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    struct ACL near[] = {{ZOO_PERM_ALL, {"ip", "127.0.0.0/8"}}}, far[] = {{ZOO_PERM_ALL, {"ip", "10.1.2.3"}}};
    struct ACL_vector here = {1, near}, elsewhere = {1, far};
    REQUIRE_RC(ZOK, zoo_create(zh, at("here"), "v", 1, &here, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_create(zh, at("elsewhere"), "v", 1, &elsewhere, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_get(zh, at("here"), 0, value, &length, &stat));
    REQUIRE_RC(ZNOAUTH, zoo_get(zh, at("elsewhere"), 0, value, &length, &stat));
    return NULL;
}

static int is_auth_failed(void *handle) { return zoo_state(handle) == ZOO_AUTH_FAILED_STATE; }

static const char *unknown_scheme_ends_the_session(void) {
    struct Stat stat;
    zhandle_t *handle = connected();
    REQUIRE(handle);
    REQUIRE_RC(ZAUTHFAILED, add_auth(handle, "no-such-scheme", "x"));
    REQUIRE(eventually(is_auth_failed, handle, WAIT_MS));
    REQUIRE(zoo_exists(handle, root, 0, &stat) != ZOK);
    zookeeper_close(handle);
    return NULL;
}

const struct named_case acl_cases[] = {
    {"default_acl_and_its_version", default_acl_and_its_version},
    {"permissions_are_kept", permissions_are_kept},
    {"invalid_acls", invalid_acls},
    {"digest_auth", digest_auth},
    {"auth_is_sent_again_after_a_reconnect", auth_is_sent_again_after_a_reconnect},
    {"super_may_everything", super_may_everything},
    {"address_of_the_client", address_of_the_client},
    {"unknown_scheme_ends_the_session", unknown_scheme_ends_the_session},
    {NULL, NULL},
};
