/* Watches of each kind. */
#include "harness.h"

#include <string.h>

static struct Stat stat;
static struct String_vector names;

static const char *watch_data(const char *path, struct events *events) {
    char value[64];
    int length = sizeof value;
    REQUIRE_RC(ZOK, zoo_wget(zh, path, record_event, events, value, &length, &stat));
    return NULL;
}

static const char *watch_children(const char *path, struct events *events) {
    REQUIRE_RC(ZOK, zoo_wget_children2(zh, path, record_event, events, &names, &stat));
    deallocate_String_vector(&names);
    return NULL;
}

static const char *data_watches(void) {
    struct events *set = new_events(), *deleted = new_events(), *exists = new_events();
    REQUIRE_RC(ZOK, put(at("n"), "1"));
    REQUIRE_CASE(watch_data(at("n"), set));
    REQUIRE_RC(ZOK, zoo_wexists(zh, at("n"), record_event, exists, &stat));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "2", 1, -1));
    REQUIRE(await_event(set, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE(await_event(exists, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE_CASE(watch_data(at("n"), deleted));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("n"), -1));
    REQUIRE(await_event(deleted, ZOO_DELETED_EVENT, at("n")));
    REQUIRE_EQ(1, count_events(set, 0));
    return NULL;
}

static const char *exists_watch_of_what_is_not_there(void) {
    struct events *events = new_events();
    REQUIRE_RC(ZNONODE, zoo_wexists(zh, at("n"), record_event, events, &stat));
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE(await_event(events, ZOO_CREATED_EVENT, at("n")));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("n"), -1));
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_EQ(1, count_events(events, 0));
    return NULL;
}

static const char *child_watches(void) {
    struct events *created = new_events(), *deleted = new_events(), *self = new_events(), *quiet = new_events();
    REQUIRE_RC(ZOK, put(at("p"), ""));
    REQUIRE_CASE(watch_children(at("p"), created));
    REQUIRE_RC(ZOK, put(at("p/c"), ""));
    REQUIRE(await_event(created, ZOO_CHILD_EVENT, at("p")));
    REQUIRE_CASE(watch_children(at("p"), quiet));
    REQUIRE_RC(ZOK, zoo_set(zh, at("p/c"), "x", 1, -1));
    REQUIRE_RC(ZOK, zoo_set(zh, at("p"), "x", 1, -1));
    REQUIRE_EQ(0, count_events(quiet, 0));
    REQUIRE_CASE(watch_children(at("p"), deleted));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("p/c"), -1));
    REQUIRE(await_event(deleted, ZOO_CHILD_EVENT, at("p")));
    REQUIRE_CASE(watch_children(at("p"), self));
    REQUIRE_RC(ZOK, zoo_delete(zh, at("p"), -1));
    REQUIRE(await_event(self, ZOO_DELETED_EVENT, at("p")));
    return NULL;
}

static const char *the_default_watcher(void) {
    char value[8];
    int length = sizeof value;
    struct events *events = new_events();
    zhandle_t *other = connect_with(all_hosts, events, 30000, NULL);
    REQUIRE(other);
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_RC(ZOK, zoo_exists(other, root, 0, &stat));
    REQUIRE(synced(other));
    REQUIRE_RC(ZOK, zoo_get(other, at("n"), 1, value, &length, &stat));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "x", 1, -1));
    REQUIRE(await_event(events, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE_RC(ZOK, zookeeper_close(other));
    return NULL;
}

/* The event is handed over before any answer from which the change could be seen. */
static const char *event_before_data(void) {
    char name[16];
    for (int i = 0; i < 100; i++) {
        struct events *events = new_events();
        snprintf(name, sizeof name, "n%d", i);
        REQUIRE_RC(ZNONODE, zoo_wexists(zh, at(name), record_event, events, &stat));
        struct answer *created = new_answer(), *seen = new_answer();
        REQUIRE_RC(ZOK, zoo_acreate(zh, at(name), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, on_string, created));
        REQUIRE_RC(ZOK, zoo_aexists(zh, at(name), 0, on_stat, seen));
        REQUIRE(await_answers(seen, 1));
        REQUIRE_RC(ZOK, seen->rc);
        REQUIRE(await_event(events, ZOO_CREATED_EVENT, at(name)));
    }
    return NULL;
}

static const char *end_of_an_ephemeral(void) {
    struct events *events = new_events();
    char path[PATH_BYTES];
    zhandle_t *other = connected();
    REQUIRE(other);
    REQUIRE_RC(ZOK, zoo_create(other, at("e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    REQUIRE(synced(zh));
    REQUIRE_RC(ZOK, zoo_wexists(zh, at("e"), record_event, events, &stat));
    REQUIRE_RC(ZOK, zookeeper_close(other));
    REQUIRE(await_event(events, ZOO_DELETED_EVENT, at("e")));
    return NULL;
}

static const char *one_event_each_however_many_watchers(void) {
    struct events *one = new_events(), *two = new_events();
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_CASE(watch_data(at("n"), one));
    REQUIRE_CASE(watch_data(at("n"), two));
    REQUIRE_CASE(watch_data(at("n"), two));
    for (int i = 0; i < 5; i++) REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "x", 1, -1));
    REQUIRE(await_event(one, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE(await_event(two, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE_EQ(1, count_events(one, 0));
    REQUIRE_EQ(1, count_events(two, 0));
    return NULL;
}

static const char *clickhouse_59489_remove_watches(void) {
    struct events *data = new_events(), *children = new_events();
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_RC(ZNOWATCHER, zoo_remove_watches(zh, at("n"), ZWATCHTYPE_DATA, record_event, data, 0));
    REQUIRE_CASE(watch_data(at("n"), data));
    REQUIRE_CASE(watch_children(at("n"), children));
    REQUIRE_RC(ZOK, zoo_remove_watches(zh, at("n"), ZWATCHTYPE_DATA, record_event, data, 0));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "x", 1, -1));
    REQUIRE_RC(ZOK, put(at("n/c"), ""));
    REQUIRE(await_event(children, ZOO_CHILD_EVENT, at("n")));
    REQUIRE_EQ(0, count_events(data, ZOO_CHANGED_EVENT));
    return NULL;
}

static const char *clickhouse_59489_remove_all_watches(void) {
    struct events *data = new_events(), *children = new_events(), *again = new_events();
    REQUIRE_RC(ZOK, put(at("n"), ""));
    REQUIRE_CASE(watch_data(at("n"), data));
    REQUIRE_CASE(watch_children(at("n"), children));
    REQUIRE_RC(ZOK, zoo_remove_all_watches(zh, at("n"), ZWATCHTYPE_ANY, 0));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "x", 1, -1));
    REQUIRE_RC(ZOK, put(at("n/c"), ""));
    REQUIRE_CASE(watch_data(at("n"), again));
    REQUIRE_RC(ZOK, zoo_set(zh, at("n"), "y", 1, -1));
    REQUIRE(await_event(again, ZOO_CHANGED_EVENT, at("n")));
    REQUIRE_EQ(0, count_events(data, ZOO_CHANGED_EVENT));
    REQUIRE_EQ(0, count_events(children, ZOO_CHILD_EVENT));
    return NULL;
}

const struct named_case watch_cases[] = {
    {"data_watches", data_watches},
    {"exists_watch_of_what_is_not_there", exists_watch_of_what_is_not_there},
    {"child_watches", child_watches},
    {"the_default_watcher", the_default_watcher},
    {"event_before_data", event_before_data},
    {"end_of_an_ephemeral", end_of_an_ephemeral},
    {"one_event_each_however_many_watchers", one_event_each_however_many_watchers},
    {"clickhouse_59489_remove_watches", clickhouse_59489_remove_watches},
    {"clickhouse_59489_remove_all_watches", clickhouse_59489_remove_all_watches},
    {NULL, NULL},
};
