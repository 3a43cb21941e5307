/* ZooKeeper's own C client, multi-threaded: every call of its API that reaches a server. */
#include "harness.h"

#include <string.h>
#include <unistd.h>

static int failed;

static void run(const char *group, const struct named_case *cases, const char *only) {
    for (; cases->name; cases++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", group, cases->name);
        if (only && !strstr(name, only)) continue;
        snprintf(root, sizeof root, "/c-%d-%.100s", (int)getpid(), cases->name);
        int rc = await_connected(zh) ? put(root, "") : ZCONNECTIONLOSS;
        const char *why = rc == ZOK ? cases->run() : failure(__FILE__, __LINE__, "create of %s: %s", root, zerror(rc));
        if (!why)
            printf("ok %s\n", name);
        else if (why == NOT_HERE)
            printf("# %s: not in this shape, or not in this client\n", name);
        else
            printf("not ok %s: %s\n", name, why), failed++;
        fflush(stdout);
    }
}

/* What cases of sessions.c start and kill: a session of the shortest timeout with one ephemeral. */
static int hold(const char *path) {
    zh = connect_with(all_hosts, new_events(), 4000, NULL);
    const char *id = zh ? (const char *)zoo_client_id(zh) : NULL;
    if (!zh || zoo_create(zh, path, id, sizeof(clientid_t), &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0) != ZOK) return 1;
    for (;;) pause();
}

int main(int argc, char **argv) {
    const char *only = argc > 1 ? argv[1] : NULL;
    all_hosts = getenv("COMPAT_HOSTS");
    shape = getenv("COMPAT_SHAPE");
    if (!all_hosts || !shape || !getenv("COMPAT_CONTROL")) {
        fprintf(stderr, "run this by tests/compat/lib/run.py\n");
        return 2;
    }
    zoo_set_debug_level(getenv("COMPAT_DEBUG") ? ZOO_LOG_LEVEL_DEBUG : ZOO_LOG_LEVEL_ERROR);
    FILE *quiet = fopen("/dev/null", "w");
    if (!getenv("COMPAT_DEBUG") && quiet) zoo_set_log_stream(quiet);
    if (getenv("COMPAT_EPHEMERAL")) return hold(getenv("COMPAT_EPHEMERAL"));
    zh = connected();
    if (!zh) {
        printf("not ok connect: no session at %s\n", all_hosts);
        return 1;
    }
    run("data", data_cases, only);
    run("acl", acl_cases, only);
    run("multi", multi_cases, only);
    run("watch", watch_cases, only);
    run("async", async_cases, only);
    run("session", session_cases, only);
    run("server", server_cases, only);
    zookeeper_close(zh);
    return failed != 0;
}
