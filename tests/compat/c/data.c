/* Znodes, their data, Stats and children. */
#include "harness.h"

#include <string.h>

static const char *create_get_set_delete(void) {
    char path[PATH_BYTES], value[64];
    int length = sizeof value;
    struct Stat created, stat;
    REQUIRE_RC(ZOK, zoo_create2(zh, at("n"), "one", 3, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, path, sizeof path, &created));
    REQUIRE_STR(at("n"), path);
    REQUIRE_EQ(created.czxid, created.mzxid);
    REQUIRE_EQ(created.czxid, created.pzxid);
    REQUIRE_EQ(created.ctime, created.mtime);
    REQUIRE_EQ(3, created.dataLength);
    REQUIRE_EQ(0, created.version + created.cversion + created.aversion + created.numChildren + created.ephemeralOwner);
    REQUIRE_RC(ZOK, zoo_get(zh, at("n"), 0, value, &length, &stat));
    REQUIRE(length == 3 && !memcmp(value, "one", 3) && same_stat(&stat, &created));
    REQUIRE_RC(ZOK, zoo_set2(zh, at("n"), "three", 5, 0, &stat));
    REQUIRE_EQ(1, stat.version);
    REQUIRE(stat.mzxid > created.mzxid && stat.czxid == created.czxid && stat.dataLength == 5);
    REQUIRE_RC(ZBADVERSION, zoo_set(zh, at("n"), "four", 4, 0));
    REQUIRE_RC(ZBADVERSION, zoo_delete(zh, at("n"), 0));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("n"), 1));
    REQUIRE_RC(ZNONODE, zoo_exists(zh, at("n"), 0, &stat));
    REQUIRE_RC(ZNONODE, zoo_delete(zh, at("n"), -1));
    return NULL;
}

static const char *data_of_any_length(void) {
    char small[8];
    int length = sizeof small;
    struct Stat stat;
    REQUIRE_RC(ZOK, zoo_create(zh, at("null"), NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_get(zh, at("null"), 0, small, &length, &stat));
    REQUIRE_EQ(-1, length);
    REQUIRE_EQ(0, stat.dataLength);
    REQUIRE_RC(ZOK, put(at("empty"), ""));
    length = sizeof small;
    REQUIRE_RC(ZOK, zoo_get(zh, at("empty"), 0, small, &length, &stat));
    REQUIRE_EQ(0, length);
    enum { LARGE = 1000000 };
    char *large = malloc(LARGE), *back = malloc(LARGE);
    for (int i = 0; i < LARGE; i++) large[i] = (char)(i * 7 + i / 251);
    REQUIRE_RC(ZOK, zoo_create(zh, at("large"), large, LARGE, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    length = LARGE;
    REQUIRE_RC(ZOK, zoo_get(zh, at("large"), 0, back, &length, &stat));
    REQUIRE(length == LARGE && !memcmp(large, back, LARGE));
    free(large);
    free(back);
    return NULL;
}

static const char *errors_of_the_tree(void) {
    char path[PATH_BYTES];
    REQUIRE_RC(ZNONODE, put(at("no/parent"), ""));
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_RC(ZNODEEXISTS, put(at("n"), ""));
    REQUIRE_RC(ZOK, put(at("n/child"), ""));
    REQUIRE_RC(ZNOTEMPTY, zoo_delete(zh, at("n"), -1));
    REQUIRE_RC(ZOK, zoo_create(zh, at("e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    REQUIRE_RC(ZNOCHILDRENFOREPHEMERALS, put(at("e/child"), ""));
    REQUIRE_RC(ZNONODE, zoo_set(zh, at("none"), "", 0, -1));
    REQUIRE_RC(ZBADARGUMENTS, put(at("dots/../n"), ""));
    REQUIRE_RC(ZNODEEXISTS, put("/zookeeper", ""));
    REQUIRE_RC(ZBADARGUMENTS, zoo_delete(zh, "/", -1));
    return NULL;
}

static const char *create_modes(void) {
    char path[PATH_BYTES], want[PATH_BYTES];
    struct Stat stat;
    const int modes[] = {ZOO_PERSISTENT_SEQUENTIAL, ZOO_EPHEMERAL_SEQUENTIAL, ZOO_PERSISTENT_SEQUENTIAL};
    for (int i = 0; i < 3; i++) {
        REQUIRE_RC(ZOK, zoo_create2(zh, at("s-"), "", 0, &ZOO_OPEN_ACL_UNSAFE, modes[i], path, sizeof path, &stat));
        snprintf(want, sizeof want, "%.240s%010d", at("s-"), i);
        REQUIRE_STR(want, path);
        int64_t owner = modes[i] == ZOO_EPHEMERAL_SEQUENTIAL ? zoo_client_id(zh)->client_id : 0;
        REQUIRE_EQ(owner, stat.ephemeralOwner);
    }
    return NULL;
}

static const char *children_and_their_stat(void) {
    struct String_vector names;
    struct Stat stat;
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "child-%05d", i);
        REQUIRE_RC(ZOK, zoo_acreate(zh, at(name), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, on_string, new_answer()));
    }
    REQUIRE_RC(ZOK, zoo_get_children2(zh, root, 0, &names, &stat));
    REQUIRE_EQ(2000, names.count);
    REQUIRE_EQ(2000, stat.numChildren);
    REQUIRE_EQ(2000, stat.cversion);
    deallocate_String_vector(&names);
    REQUIRE_RC(ZOK, zoo_delete(zh, at("child-00007"), -1));
    REQUIRE_RC(ZOK, zoo_get_children(zh, root, 0, &names));
    REQUIRE_EQ(1999, names.count);
    deallocate_String_vector(&names);
    struct Stat later;
    REQUIRE_RC(ZOK, zoo_exists(zh, root, 0, &later));
    /* A removed child moves its parent's pzxid (ClickHouse Keeper: issue 115457). */
    REQUIRE(later.pzxid > stat.pzxid && later.cversion == 2001 && later.mzxid == stat.mzxid);
    REQUIRE_RC(ZNONODE, zoo_get_children(zh, at("child-00007"), 0, &names));
    return NULL;
}

static int is_gone(void *path) {
    struct Stat stat;
    return zoo_exists(zh, path, 0, &stat) == ZNONODE;
}

static const char *containers_are_reaped(void) {
    struct Stat stat;
    char path[PATH_BYTES];
    REQUIRE_RC(ZOK, zoo_create2(zh, at("box"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, path, sizeof path, &stat));
    /* That it is a container is nobody's business. */
    REQUIRE_EQ(0, stat.ephemeralOwner);
    REQUIRE_RC(ZOK, zoo_exists(zh, path, 0, &stat));
    REQUIRE_EQ(0, stat.ephemeralOwner);
    REQUIRE_RC(ZOK, put(at("box/child"), ""));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("box/child"), -1));
    REQUIRE(eventually(is_gone, path, WAIT_MS));
    return NULL;
}

static const char *ttl_nodes_are_reaped(void) {
    struct Stat stat;
    char path[PATH_BYTES];
    REQUIRE_RC(ZOK, zoo_create2_ttl(zh, at("t"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 300, path,
                                    sizeof path, &stat));
    REQUIRE_EQ(0, stat.ephemeralOwner);
    REQUIRE(eventually(is_gone, path, WAIT_MS));
    REQUIRE_RC(ZOK, zoo_create_ttl(zh, at("s-"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 300,
                                   path, sizeof path));
    REQUIRE(strlen(path) == strlen(at("s-")) + 10);
    REQUIRE(eventually(is_gone, path, WAIT_MS));
    return NULL;
}

/* Lists of what ClickHouse Keeper lacks: issues 59489 (create with Stat) and 55595 (creates end in ConnectionLoss). */
static const char *clickhouse_59489_create_with_stat(void) {
    char path[PATH_BYTES];
    struct Stat stat, seen;
    REQUIRE_RC(ZOK, zoo_create2(zh, at("n"), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, path, sizeof path, &stat));
    REQUIRE_RC(ZOK, zoo_exists(zh, at("n"), 0, &seen));
    REQUIRE(same_stat(&stat, &seen));
    return NULL;
}

static const char *clickhouse_55595_no_create_ends_in_connection_loss(void) {
    const int modes[] = {ZOO_PERSISTENT, ZOO_EPHEMERAL, ZOO_PERSISTENT_SEQUENTIAL, ZOO_EPHEMERAL_SEQUENTIAL, ZOO_CONTAINER};
    char name[16], path[PATH_BYTES];
    struct Stat stat;
    clientid_t before = *zoo_client_id(zh);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "n%d", i);
        REQUIRE_RC(ZOK, zoo_create2(zh, at(name), "", 0, &ZOO_OPEN_ACL_UNSAFE, modes[i], path, sizeof path, &stat));
    }
    REQUIRE_RC(ZOK, zoo_create2_ttl(zh, at("ttl"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 60000, path,
                                    sizeof path, &stat));
    REQUIRE(zoo_state(zh) == ZOO_CONNECTED_STATE && before.client_id == zoo_client_id(zh)->client_id);
    return NULL;
}

static const char *config_is_a_znode(void) {
    char value[2048];
    int length = sizeof value - 1;
    struct Stat stat;
    REQUIRE_RC(ZOK, zoo_getconfig(zh, 0, value, &length, &stat));
    value[length < 0 ? 0 : length] = 0;
    /* Clients of the split deployment know a Service and no members. */
    if (has_members() && !shape_is("split")) REQUIRE(strstr(value, "version=") && strstr(value, "server.1="));
    return NULL;
}

static const char *reconfig_is_disabled_unless_enabled(void) {
    char value[2048];
    int length = sizeof value;
    struct Stat stat;
    int rc = zoo_reconfig(zh, NULL, "9", NULL, -1, value, &length, &stat);
    REQUIRE_RC(ZRECONFIGDISABLED, rc);
    return NULL;
}

const struct named_case data_cases[] = {
    {"create_get_set_delete", create_get_set_delete},
    {"data_of_any_length", data_of_any_length},
    {"errors_of_the_tree", errors_of_the_tree},
    {"create_modes", create_modes},
    {"children_and_their_stat", children_and_their_stat},
    {"containers_are_reaped", containers_are_reaped},
    {"ttl_nodes_are_reaped", ttl_nodes_are_reaped},
    {"clickhouse_59489_create_with_stat", clickhouse_59489_create_with_stat},
    {"clickhouse_55595_no_create_ends_in_connection_loss", clickhouse_55595_no_create_ends_in_connection_loss},
    {"config_is_a_znode", config_is_a_znode},
    {"reconfig_is_disabled_unless_enabled", reconfig_is_disabled_unless_enabled},
    {NULL, NULL},
};
