/* Cases, events, answers and the servers' remote control: what all files of this program share. */
#ifndef COMPAT_HARNESS_H
#define COMPAT_HARNESS_H

#include <pthread.h>
#include <zookeeper/zookeeper.h>

#define WAIT_MS 15000
#define PATH_BYTES 256

/* ---- cases: NULL when passed, else the reason ---- */

typedef const char *(*case_fn)(void);
struct named_case {
    const char *name;
    case_fn run;
};
extern const struct named_case data_cases[], acl_cases[], multi_cases[], watch_cases[], async_cases[], session_cases[],
    server_cases[];

/* Returned by a case that the shape, or this build of the client, cannot have. */
extern const char *const NOT_HERE;

const char *failure(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define REQUIRE(condition)                                                      \
    do {                                                                        \
        if (!(condition)) return failure(__FILE__, __LINE__, "%s", #condition); \
    } while (0)
#define REQUIRE_RC(expected, call)                                                                          \
    do {                                                                                                    \
        int rc_ = (call);                                                                                   \
        if (rc_ != (expected))                                                                              \
            return failure(__FILE__, __LINE__, "%s: %d (%s), not %s", #call, rc_, zerror(rc_), #expected);  \
    } while (0)
#define REQUIRE_EQ(expected, actual)                                                                          \
    do {                                                                                                      \
        long long want_ = (expected), have_ = (actual);                                                       \
        if (have_ != want_) return failure(__FILE__, __LINE__, "%s: %lld, not %lld", #actual, have_, want_);  \
    } while (0)
#define REQUIRE_STR(expected, actual)                                                                              \
    do {                                                                                                           \
        const char *have_ = (actual);                                                                              \
        if (!have_ || strcmp(expected, have_))                                                                     \
            return failure(__FILE__, __LINE__, "%s: \"%s\", not \"%s\"", #actual, have_ ? have_ : "-", expected);  \
    } while (0)
#define REQUIRE_CASE(call)              \
    do {                                \
        const char *why_ = (call);      \
        if (why_) return why_;          \
    } while (0)

/* ---- what a watcher saw ---- */

struct event {
    int type, state;
    char path[PATH_BYTES];
};
#define EVENTS 4096
struct events {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count, taken;
    struct event list[EVENTS];
};

struct events *new_events(void);
/* A watcher_fn whose context is a struct events. */
void record_event(zhandle_t *zh, int type, int state, const char *path, void *context);
/* True once an event of this type and path was recorded; looks at all of them. */
int await_event(struct events *events, int type, const char *path);
/* True once a session event with this state was recorded after the last one that was waited for. */
int await_state(struct events *events, int state);
/* How many events of a type (0: every type but session events) there are by now. */
int count_events(struct events *events, int type);
/* True if the n-th event that is no session event (from 0) is this. */
int nth_event_is(struct events *events, int n, int type, const char *path);

/* ---- what a completion was given ---- */

struct answer {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int calls, rc, length, order;
    char text[1024];
    struct Stat stat;
    int strings;
};
struct answer *new_answer(void);
/* True once `calls` completions were called. */
int await_answers(struct answer *answer, int calls);
void on_void(int rc, const void *answer);
void on_stat(int rc, const struct Stat *stat, const void *answer);
void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *answer);
void on_strings(int rc, const struct String_vector *strings, const void *answer);
void on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *answer);
void on_string(int rc, const char *value, const void *answer);
void on_string_stat(int rc, const char *value, const struct Stat *stat, const void *answer);
void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *answer);

/* ---- servers and clients ---- */

extern const char *all_hosts, *shape;
/* The shape has several servers. */
int has_members(void);
int shape_is(const char *name);
/* The n-th of all_hosts, from 1, counted round. */
const char *host(int n);
int host_count(void);
/* Asks the runner, e.g. "restart 1"; true when done. */
int control(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A client that is connected, or NULL. `events` records its session events. */
zhandle_t *connect_with(const char *hosts, struct events *events, int timeout_ms, const clientid_t *id);
zhandle_t *connected(void);
/* The same once it is a session again, after servers went away. */
int await_connected(zhandle_t *zh);
/* Polls `condition` of `context` until it is true or time is up. */
int eventually(int (*condition)(void *), void *context, int ms);
/* The client most cases use, and a fresh znode for the case. */
extern zhandle_t *zh;
extern char root[PATH_BYTES];
int same_stat(const struct Stat *a, const struct Stat *b);
/* Every write that any client was told of is now to be seen by `handle`. */
int synced(zhandle_t *handle);
/* root/name in one of a few static buffers. */
const char *at(const char *name);
int put(const char *path, const char *value);

#endif
