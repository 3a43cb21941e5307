/* Sessions: how they begin, move and end. */
#include "harness.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct Stat stat;

static const char *timeout_is_negotiated(void) {
    zhandle_t *low = connect_with(all_hosts, new_events(), 2000, NULL);
    zhandle_t *middle = connect_with(all_hosts, new_events(), 12345, NULL);
    zhandle_t *high = connect_with(all_hosts, new_events(), 1000000, NULL);
    REQUIRE(low && middle && high);
    REQUIRE_EQ(4000, zoo_recv_timeout(low));
    REQUIRE_EQ(12345, zoo_recv_timeout(middle));
    REQUIRE_EQ(40000, zoo_recv_timeout(high));
    REQUIRE(zoo_client_id(low)->client_id != zoo_client_id(high)->client_id);
    zookeeper_close(low);
    zookeeper_close(middle);
    zookeeper_close(high);
    return NULL;
}

static const char *close_ends_ephemerals(void) {
    char path[PATH_BYTES];
    zhandle_t *other = connected();
    REQUIRE(other);
    REQUIRE_RC(ZOK, zoo_create(other, at("e"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, sizeof path));
    REQUIRE_RC(ZOK, zookeeper_close(other));
    REQUIRE(synced(zh));
    REQUIRE_RC(ZNONODE, zoo_exists(zh, at("e"), 0, &stat));
    return NULL;
}

static int is_gone(void *path) { return zoo_exists(zh, path, 0, &stat) == ZNONODE; }
static int is_there(void *path) { return zoo_exists(zh, path, 0, &stat) == ZOK; }

/* Another process with a session of its own, killed once its ephemeral is seen; the ephemeral's data is its client id. */
static const char *leave_a_session_behind(const char *path) {
    char program[64];
    snprintf(program, sizeof program, "/proc/%d/exe", (int)getpid());
    pid_t child = fork();
    if (child == 0) {
        setenv("COMPAT_EPHEMERAL", path, 1);
        execl(program, "hold", (char *)NULL);
        _exit(127);
    }
    int appeared = eventually(is_there, (void *)path, WAIT_MS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    REQUIRE(appeared);
    return NULL;
}

static const char *a_session_is_taken_over(void) {
    char path[PATH_BYTES];
    clientid_t id;
    int length = sizeof id;
    snprintf(path, sizeof path, "%s", at("e"));
    REQUIRE_CASE(leave_a_session_behind(path));
    REQUIRE_RC(ZOK, zoo_get(zh, path, 0, (char *)&id, &length, &stat));
    REQUIRE_EQ(sizeof id, length);
    zhandle_t *heir = connect_with(host(2), new_events(), 20000, &id);
    REQUIRE(heir);
    REQUIRE_EQ(id.client_id, zoo_client_id(heir)->client_id);
    REQUIRE(synced(heir));
    REQUIRE_RC(ZOK, zoo_exists(heir, path, 0, &stat));
    REQUIRE_EQ(id.client_id, stat.ephemeralOwner);
    REQUIRE_RC(ZOK, zoo_set(heir, path, "", 0, -1));
    REQUIRE_RC(ZOK, zookeeper_close(heir));
    REQUIRE(synced(zh));
    REQUIRE(is_gone(path));
    return NULL;
}

static int is_expired(void *handle) { return zoo_state(handle) == ZOO_EXPIRED_SESSION_STATE; }

/* Two clients with one session take it from each other; once one of them closes it, the other is told. */
static const char *expired_by_its_other_holder(void) {
    struct events *events = new_events();
    zhandle_t *first = connect_with(host(1), events, 20000, NULL);
    REQUIRE(first);
    clientid_t id = *zoo_client_id(first);
    for (int tries = 0; tries < 10 && !is_expired(first); tries++) {
        struct events *of_second = new_events();
        zhandle_t *second = zookeeper_init(host(1), record_event, 20000, &id, of_second, 0);
        REQUIRE(second);
        await_event(of_second, ZOO_SESSION_EVENT, "");
        zookeeper_close(second);
        eventually(is_expired, first, 2000);
    }
    REQUIRE(await_state(events, ZOO_EXPIRED_SESSION_STATE));
    REQUIRE(is_unrecoverable(first));
    REQUIRE(zoo_exists(first, root, 0, &stat) != ZOK);
    zookeeper_close(first);
    return NULL;
}

static const char *wrong_password_is_an_expired_session(void) {
    struct events *events = new_events();
    clientid_t id = *zoo_client_id(zh);
    id.passwd[3] ^= 1;
    zhandle_t *thief = zookeeper_init(all_hosts, record_event, 10000, &id, events, 0);
    REQUIRE(thief);
    REQUIRE(await_state(events, ZOO_EXPIRED_SESSION_STATE));
    zookeeper_close(thief);
    /* ZooKeeper lets go of the owner's connection before it looks at the password; the session stays. */
    REQUIRE(eventually(is_there, root, 2 * WAIT_MS));
    REQUIRE_EQ(id.client_id, zoo_client_id(zh)->client_id);
    return NULL;
}

/* A process that is killed says no good-bye: its ephemeral lives as long as its session. */
static const char *a_killed_client_expires(void) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s", at("e"));
    REQUIRE_CASE(leave_a_session_behind(path));
    REQUIRE_RC(ZOK, zoo_exists(zh, path, 0, &stat));
    REQUIRE(eventually(is_gone, path, WAIT_MS));
    return NULL;
}

static const char *a_root_of_its_own(void) {
    char hosts[512], path[PATH_BYTES], value[8];
    int length = sizeof value;
    struct events *events = new_events();
    snprintf(hosts, sizeof hosts, "%s%s", all_hosts, root);
    zhandle_t *inside = connect_with(hosts, new_events(), 30000, NULL);
    REQUIRE(inside);
    REQUIRE_RC(ZNONODE, zoo_wexists(inside, "/n", record_event, events, &stat));
    REQUIRE_RC(ZOK, zoo_create(inside, "/n", "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, path, sizeof path));
    REQUIRE_STR("/n", path);
    REQUIRE(await_event(events, ZOO_CREATED_EVENT, "/n"));
    REQUIRE_RC(ZOK, zoo_get(inside, "/n", 0, value, &length, &stat));
    REQUIRE(synced(zh));
    REQUIRE_RC(ZOK, zoo_exists(zh, at("n"), 0, &stat));
    zookeeper_close(inside);
    return NULL;
}

static const char *hosts_that_do_not_answer(void) {
    char hosts[512];
    snprintf(hosts, sizeof hosts, "127.0.0.1:1,%s,127.0.0.1:2", all_hosts);
    for (int i = 0; i < 3; i++) {
        zhandle_t *handle = connect_with(hosts, new_events(), 20000, NULL);
        REQUIRE(handle);
        REQUIRE_RC(ZOK, zookeeper_close(handle));
    }
    return NULL;
}

static const char *a_client_that_may_read_only_gets_more(void) {
    struct events *events = new_events();
    zhandle_t *handle = zookeeper_init(all_hosts, record_event, 10000, NULL, events, ZOO_READONLY);
    REQUIRE(handle && await_state(events, ZOO_CONNECTED_STATE));
    REQUIRE_RC(ZOK, zoo_create(handle, at("n"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
    zookeeper_close(handle);
    return NULL;
}

const struct named_case session_cases[] = {
    {"timeout_is_negotiated", timeout_is_negotiated},
    {"close_ends_ephemerals", close_ends_ephemerals},
    {"a_session_is_taken_over", a_session_is_taken_over},
    {"expired_by_its_other_holder", expired_by_its_other_holder},
    {"wrong_password_is_an_expired_session", wrong_password_is_an_expired_session},
    {"a_killed_client_expires", a_killed_client_expires},
    {"a_root_of_its_own", a_root_of_its_own},
    {"hosts_that_do_not_answer", hosts_that_do_not_answer},
    {"a_client_that_may_read_only_gets_more", a_client_that_may_read_only_gets_more},
    {NULL, NULL},
};
