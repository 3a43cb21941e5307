/* Servers that end and begin while sessions live. */
#include "harness.h"

#include <string.h>

static struct Stat stat;

static const char *a_restart_keeps_session_ephemerals_and_watches(void) {
    struct events *session = new_events(), *data = new_events(), *exists = new_events(), *children = new_events();
    char path[PATH_BYTES], value[8];
    int length = sizeof value;
    struct String_vector names;
    zhandle_t *handle = connect_with(host(1), session, 20000, NULL);
    REQUIRE(handle);
    clientid_t id = *zoo_client_id(handle);
    REQUIRE_RC(ZOK, zoo_create(handle, at("e"), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    REQUIRE_RC(ZOK, zoo_wget(handle, at("e"), record_event, data, value, &length, &stat));
    REQUIRE_RC(ZNONODE, zoo_wexists(handle, at("n"), record_event, exists, &stat));
    REQUIRE_RC(ZOK, zoo_wget_children(handle, root, record_event, children, &names));
    deallocate_String_vector(&names);
    REQUIRE(control("restart 1"));
    REQUIRE(await_state(session, ZOO_CONNECTING_STATE));
    REQUIRE(await_state(session, ZOO_CONNECTED_STATE));
    REQUIRE_EQ(id.client_id, zoo_client_id(handle)->client_id);
    REQUIRE_EQ(0, count_events(data, 0) + count_events(exists, 0) + count_events(children, 0));
    REQUIRE_RC(ZOK, zoo_set(handle, at("e"), "w", 1, 0));
    REQUIRE(await_event(data, ZOO_CHANGED_EVENT, at("e")));
    REQUIRE_RC(ZOK, zoo_create(handle, at("n"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    REQUIRE(await_event(exists, ZOO_CREATED_EVENT, at("n")));
    REQUIRE(await_event(children, ZOO_CHILD_EVENT, root));
    REQUIRE_RC(ZOK, zookeeper_close(handle));
    return NULL;
}

/* What happened to watched znodes while the client was away is told when it is back. */
static const char *changes_while_away_are_told(void) {
    struct events *session = new_events(), *data = new_events(), *created = new_events(), *children = new_events(),
                  *gone = new_events();
    char value[8];
    int length = sizeof value;
    struct String_vector names;
    if (!has_members()) return NOT_HERE;
    zhandle_t *away = connect_with(host(1), session, 30000, NULL), *other = connect_with(host(2), new_events(), 30000, NULL);
    REQUIRE(away && other);
    REQUIRE_RC(ZOK, zoo_create(away, at("d"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_create(away, at("g"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    REQUIRE_RC(ZOK, zoo_wget(away, at("d"), record_event, data, value, &length, &stat));
    REQUIRE_RC(ZOK, zoo_wexists(away, at("g"), record_event, gone, &stat));
    REQUIRE_RC(ZNONODE, zoo_wexists(away, at("c"), record_event, created, &stat));
    REQUIRE_RC(ZOK, zoo_wget_children(away, root, record_event, children, &names));
    deallocate_String_vector(&names);
    REQUIRE(control("stop 1"));
    REQUIRE(await_state(session, ZOO_CONNECTING_STATE));
    REQUIRE(await_connected(other));
    REQUIRE_RC(ZOK, zoo_set(other, at("d"), "x", 1, -1));
    REQUIRE_RC(ZOK, zoo_delete(other, at("g"), -1));
    REQUIRE_RC(ZOK, zoo_create(other, at("c"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    REQUIRE(control("start 1"));
    REQUIRE(await_state(session, ZOO_CONNECTED_STATE));
    REQUIRE(await_event(data, ZOO_CHANGED_EVENT, at("d")));
    REQUIRE(await_event(gone, ZOO_DELETED_EVENT, at("g")));
    REQUIRE(await_event(created, ZOO_CREATED_EVENT, at("c")));
    REQUIRE(await_event(children, ZOO_CHILD_EVENT, root));
    REQUIRE_RC(ZOK, zookeeper_close(away));
    REQUIRE_RC(ZOK, zookeeper_close(other));
    return NULL;
}

static const char *a_killed_server_moves_its_clients(void) {
    char path[PATH_BYTES];
    struct events *session = new_events();
    if (!has_members()) return NOT_HERE;
    zhandle_t *handle = connect_with(all_hosts, session, 30000, NULL);
    REQUIRE(handle);
    clientid_t id = *zoo_client_id(handle);
    REQUIRE_RC(ZOK, zoo_create(handle, at("e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    int connected_to = 0;
    for (int n = 1; n <= host_count(); n++)
        if (!strcmp(host(n), zoo_get_current_server(handle))) connected_to = n;
    REQUIRE(connected_to);
    REQUIRE(control("kill %d", connected_to));
    REQUIRE(await_state(session, ZOO_CONNECTED_STATE));
    REQUIRE_RC(ZOK, zoo_exists(handle, at("e"), 0, &stat));
    REQUIRE_EQ(id.client_id, stat.ephemeralOwner);
    REQUIRE(control("start %d", connected_to));
    REQUIRE_RC(ZOK, zookeeper_close(handle));
    return NULL;
}

static const char *requests_on_their_way_end_in_connection_loss(void) {
    struct answer *answers[100];
    zhandle_t *handle = connect_with(host(1), new_events(), 20000, NULL);
    REQUIRE(handle);
    REQUIRE(control("stop 1"));
    for (int i = 0; i < 100; i++) {
        answers[i] = new_answer();
        int rc = zoo_aset(handle, root, "x", 1, -1, on_stat, answers[i]);
        REQUIRE(rc == ZOK || rc == ZCONNECTIONLOSS || rc == ZINVALIDSTATE);
        if (rc) answers[i]->calls = 1, answers[i]->rc = rc;
    }
    REQUIRE(control("start 1"));
    for (int i = 0; i < 100; i++) {
        REQUIRE(await_answers(answers[i], 1));
        REQUIRE(answers[i]->rc == ZCONNECTIONLOSS || answers[i]->rc == ZOK || answers[i]->rc == ZINVALIDSTATE ||
                answers[i]->rc == ZOPERATIONTIMEOUT);
    }
    REQUIRE(await_connected(handle));
    REQUIRE_RC(ZOK, zoo_set(handle, root, "y", 1, -1));
    REQUIRE_RC(ZOK, zookeeper_close(handle));
    return NULL;
}

static const char *all_servers_restart(void) {
    char path[PATH_BYTES];
    zhandle_t *handle = connect_with(all_hosts, new_events(), 40000, NULL);
    REQUIRE(handle);
    clientid_t id = *zoo_client_id(handle);
    REQUIRE_RC(ZOK, zoo_create(handle, at("e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    REQUIRE(control("restart-all"));
    REQUIRE(await_connected(handle));
    REQUIRE_RC(ZOK, zoo_exists(handle, at("e"), 0, &stat));
    REQUIRE_EQ(id.client_id, stat.ephemeralOwner);
    REQUIRE_RC(ZOK, zookeeper_close(handle));
    return NULL;
}

const struct named_case server_cases[] = {
    {"a_restart_keeps_session_ephemerals_and_watches", a_restart_keeps_session_ephemerals_and_watches},
    {"changes_while_away_are_told", changes_while_away_are_told},
    {"a_killed_server_moves_its_clients", a_killed_server_moves_its_clients},
    {"requests_on_their_way_end_in_connection_loss", requests_on_their_way_end_in_connection_loss},
    {"all_servers_restart", all_servers_restart},
    {NULL, NULL},
};
