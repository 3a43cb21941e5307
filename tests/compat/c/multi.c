/* Transactions. */
#include "harness.h"

#include <string.h>

static const char *all_or_nothing(void) {
    zoo_op_t ops[5];
    zoo_op_result_t results[5];
    char first[PATH_BYTES], second[PATH_BYTES];
    struct Stat stat, seen;
    zoo_create_op_init(&ops[0], at("a"), "1", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, first, sizeof first);
    zoo_create_op_init(&ops[1], at("a/s-"), "2", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, second, sizeof second);
    zoo_set_op_init(&ops[2], at("a"), "three", 5, 0, &stat);
    zoo_check_op_init(&ops[3], at("a"), 1);
    zoo_delete_op_init(&ops[4], at("a/s-0000000000"), 0);
    REQUIRE_RC(ZOK, zoo_multi(zh, 5, ops, results));
    for (int i = 0; i < 5; i++) REQUIRE_EQ(ZOK, results[i].err);
    REQUIRE_STR(at("a"), first);
    REQUIRE_STR(at("a/s-0000000000"), second);
    REQUIRE_RC(ZOK, zoo_exists(zh, at("a"), 0, &seen));
    REQUIRE(!memcmp(&seen.mzxid, &stat.mzxid, sizeof seen.mzxid) && stat.version == 1 && seen.czxid == seen.mzxid);
    REQUIRE(seen.cversion == 2 && seen.pzxid == seen.czxid);
    return NULL;
}

static const char *failure_changes_nothing(void) {
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    struct Stat stat;
    zoo_create_op_init(&ops[0], at("a"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    zoo_check_op_init(&ops[1], root, 0);
    zoo_delete_op_init(&ops[2], at("none"), -1);
    zoo_create_op_init(&ops[3], at("b"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    REQUIRE_RC(ZNONODE, zoo_multi(zh, 4, ops, results));
    REQUIRE_EQ(ZOK, results[0].err);
    REQUIRE_EQ(ZOK, results[1].err);
    REQUIRE_EQ(ZNONODE, results[2].err);
    REQUIRE_EQ(ZRUNTIMEINCONSISTENCY, results[3].err);
    REQUIRE_RC(ZNONODE, zoo_exists(zh, at("a"), 0, &stat));
    return NULL;
}

static const char *check_alone(void) {
    zoo_op_t op;
    zoo_op_result_t result;
    zoo_check_op_init(&op, root, 0);
    REQUIRE_RC(ZOK, zoo_multi(zh, 1, &op, &result));
    zoo_check_op_init(&op, root, 3);
    REQUIRE_RC(ZBADVERSION, zoo_multi(zh, 1, &op, &result));
    REQUIRE_EQ(ZBADVERSION, result.err);
    zoo_check_op_init(&op, at("none"), -1);
    REQUIRE_RC(ZNONODE, zoo_multi(zh, 1, &op, &result));
    return NULL;
}

static const char *watches_of_a_transaction(void) {
    struct events *events = new_events();
    struct Stat stat;
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    REQUIRE_RC(ZNONODE, zoo_wexists(zh, at("a"), record_event, events, &stat));
    struct String_vector names;
    REQUIRE_RC(ZOK, zoo_wget_children(zh, root, record_event, events, &names));
    deallocate_String_vector(&names);
    zoo_create_op_init(&ops[0], at("a"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    zoo_delete_op_init(&ops[1], at("none"), -1);
    REQUIRE_RC(ZNONODE, zoo_multi(zh, 2, ops, results));
    REQUIRE_EQ(0, count_events(events, 0));
    REQUIRE_RC(ZOK, zoo_multi(zh, 1, ops, results));
    REQUIRE(await_event(events, ZOO_CREATED_EVENT, at("a")));
    REQUIRE(await_event(events, ZOO_CHILD_EVENT, root));
    return NULL;
}

static const char *none_of_nothing(void) {
    REQUIRE_RC(ZOK, zoo_multi(zh, 0, NULL, NULL));
    return NULL;
}

const struct named_case multi_cases[] = {
    {"all_or_nothing", all_or_nothing},
    {"failure_changes_nothing", failure_changes_nothing},
    {"check_alone", check_alone},
    {"watches_of_a_transaction", watches_of_a_transaction},
    {"none_of_nothing", none_of_nothing},
    {NULL, NULL},
};
