/* Every call of the asynchronous API, one by one and pipelined. */
#include "harness.h"

#include <string.h>

#define ANSWER(name, call)                 \
    struct answer *name = new_answer();    \
    REQUIRE_RC(ZOK, call);                 \
    REQUIRE(await_answers(name, 1))

static const char *every_call(void) {
    ANSWER(created, zoo_acreate(zh, at("n"), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, on_string, created));
    REQUIRE_RC(ZOK, created->rc);
    REQUIRE_STR(at("n"), created->text);
    ANSWER(created2, zoo_acreate2(zh, at("m"), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string_stat, created2));
    REQUIRE_RC(ZOK, created2->rc);
    REQUIRE_EQ(zoo_client_id(zh)->client_id, created2->stat.ephemeralOwner);
    ANSWER(exists, zoo_aexists(zh, at("n"), 0, on_stat, exists));
    REQUIRE(exists->rc == ZOK && exists->stat.dataLength == 1);
    ANSWER(got, zoo_aget(zh, at("n"), 0, on_data, got));
    REQUIRE(got->rc == ZOK && got->length == 1 && got->text[0] == 'v');
    ANSWER(set, zoo_aset(zh, at("n"), "vv", 2, 0, on_stat, set));
    REQUIRE(set->rc == ZOK && set->stat.version == 1);
    ANSWER(children, zoo_aget_children(zh, root, 0, on_strings, children));
    REQUIRE(children->rc == ZOK && children->strings == 2);
    ANSWER(children2, zoo_aget_children2(zh, root, 0, on_strings_stat, children2));
    REQUIRE(children2->rc == ZOK && children2->strings == 2 && children2->stat.numChildren == 2);
    ANSWER(acl, zoo_aget_acl(zh, at("n"), on_acl, acl));
    REQUIRE(acl->rc == ZOK && acl->strings == 1 && !strcmp(acl->text, "world"));
    ANSWER(set_acl, zoo_aset_acl(zh, at("n"), 0, &ZOO_OPEN_ACL_UNSAFE, on_void, set_acl));
    REQUIRE_RC(ZOK, set_acl->rc);
    ANSWER(sync, zoo_async(zh, at("n"), on_string, sync));
    REQUIRE_RC(ZOK, sync->rc);
    REQUIRE_STR(at("n"), sync->text);
    ANSWER(deleted, zoo_adelete(zh, at("n"), 1, on_void, deleted));
    REQUIRE_RC(ZOK, deleted->rc);
    ANSWER(config, zoo_agetconfig(zh, 0, on_data, config));
    REQUIRE_RC(ZOK, config->rc);
    return NULL;
}

static const char *every_error(void) {
    ANSWER(created, zoo_acreate(zh, root, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, on_string, created));
    REQUIRE_RC(ZNODEEXISTS, created->rc);
    ANSWER(got, zoo_aget(zh, at("none"), 0, on_data, got));
    REQUIRE_RC(ZNONODE, got->rc);
    ANSWER(set, zoo_aset(zh, root, "", 0, 5, on_stat, set));
    REQUIRE_RC(ZBADVERSION, set->rc);
    ANSWER(deleted, zoo_adelete(zh, at("none"), -1, on_void, deleted));
    REQUIRE_RC(ZNONODE, deleted->rc);
    ANSWER(children, zoo_aget_children(zh, at("none"), 0, on_strings, children));
    REQUIRE_RC(ZNONODE, children->rc);
    ANSWER(acl, zoo_aget_acl(zh, at("none"), on_acl, acl));
    REQUIRE_RC(ZNONODE, acl->rc);
    ANSWER(sync, zoo_async(zh, at("none"), on_string, sync));
    REQUIRE_RC(ZOK, sync->rc);
    return NULL;
}

/* 3,000 requests on their way at once: writes, reads of what was just written, transactions. */
static const char *a_long_pipeline_keeps_its_order(void) {
    enum { ROUNDS = 1000 };
    static struct answer *sets[ROUNDS], *gets[ROUNDS], *multis[ROUNDS];
    static zoo_op_t ops[ROUNDS];
    static zoo_op_result_t results[ROUNDS];
    char value[16];
    REQUIRE_RC(ZOK, put(at("n"), ""));
    for (int i = 0; i < ROUNDS; i++) {
        sets[i] = new_answer(), gets[i] = new_answer(), multis[i] = new_answer();
        snprintf(value, sizeof value, "%d", i);
        REQUIRE_RC(ZOK, zoo_aset(zh, at("n"), value, (int)strlen(value), 2 * i, on_stat, sets[i]));
        REQUIRE_RC(ZOK, zoo_aget(zh, at("n"), 0, on_data, gets[i]));
        zoo_set_op_init(&ops[i], strdup(at("n")), "-", 1, 2 * i + 1, NULL);
        REQUIRE_RC(ZOK, zoo_amulti(zh, 1, &ops[i], &results[i], on_void, multis[i]));
    }
    REQUIRE(await_answers(multis[ROUNDS - 1], 1));
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(value, sizeof value, "%d", i);
        REQUIRE_RC(ZOK, sets[i]->rc);
        REQUIRE_RC(ZOK, multis[i]->rc);
        REQUIRE_EQ(2 * i + 1, sets[i]->stat.version);
        REQUIRE_EQ(2 * i + 1, gets[i]->stat.version);
        REQUIRE_STR(value, gets[i]->text);
    }
    return NULL;
}

const struct named_case async_cases[] = {
    {"every_call", every_call},
    {"every_error", every_error},
    {"a_long_pipeline_keeps_its_order", a_long_pipeline_keeps_its_order},
    {NULL, NULL},
};
