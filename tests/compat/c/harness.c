#include "harness.h"

#include <netdb.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const NOT_HERE = "not here";
const char *all_hosts, *shape;
zhandle_t *zh;
char root[PATH_BYTES];

const char *failure(const char *file, int line, const char *format, ...) {
    static char text[1024];
    const char *slash = strrchr(file, '/');
    int used = snprintf(text, sizeof text, "%s:%d: ", slash ? slash + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    return text;
}

static struct timespec deadline_in(int ms) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* ---- events ---- */

struct events *new_events(void) {
    struct events *events = calloc(1, sizeof *events);
    pthread_mutex_init(&events->mutex, NULL);
    pthread_cond_init(&events->changed, NULL);
    return events;
}

void record_event(zhandle_t *handle, int type, int state, const char *path, void *context) {
    struct events *events = context;
    (void)handle;
    pthread_mutex_lock(&events->mutex);
    if (events->count < EVENTS) {
        struct event *event = &events->list[events->count++];
        event->type = type;
        event->state = state;
        snprintf(event->path, sizeof event->path, "%s", path ? path : "");
    }
    pthread_cond_broadcast(&events->changed);
    pthread_mutex_unlock(&events->mutex);
}

/* The index of the first match at or after `from`, or -1. */
static int find_event(struct events *events, int from, int type, int state, const char *path) {
    for (int i = from; i < events->count; i++) {
        struct event *event = &events->list[i];
        if (event->type == type && (!state || event->state == state) && (!path || !strcmp(event->path, path))) return i;
    }
    return -1;
}

static int await(struct events *events, int from, int type, int state, const char *path) {
    struct timespec end = deadline_in(WAIT_MS);
    int found;
    pthread_mutex_lock(&events->mutex);
    while ((found = find_event(events, from, type, state, path)) < 0)
        if (pthread_cond_timedwait(&events->changed, &events->mutex, &end)) break;
    pthread_mutex_unlock(&events->mutex);
    return found;
}

int await_event(struct events *events, int type, const char *path) {
    return await(events, 0, type, 0, path) >= 0;
}

int await_state(struct events *events, int state) {
    int found = await(events, events->taken, ZOO_SESSION_EVENT, state, NULL);
    if (found >= 0) events->taken = found + 1;
    return found >= 0;
}

int count_events(struct events *events, int type) {
    int count = 0;
    pthread_mutex_lock(&events->mutex);
    for (int i = 0; i < events->count; i++)
        count += type ? events->list[i].type == type : events->list[i].type != ZOO_SESSION_EVENT;
    pthread_mutex_unlock(&events->mutex);
    return count;
}

int nth_event_is(struct events *events, int n, int type, const char *path) {
    int is = 0;
    pthread_mutex_lock(&events->mutex);
    for (int i = 0; i < events->count; i++) {
        struct event *event = &events->list[i];
        if (event->type != ZOO_SESSION_EVENT && n-- == 0) is = event->type == type && !strcmp(event->path, path);
    }
    pthread_mutex_unlock(&events->mutex);
    return is;
}

/* ---- answers ---- */

struct answer *new_answer(void) {
    struct answer *answer = calloc(1, sizeof *answer);
    pthread_mutex_init(&answer->mutex, NULL);
    pthread_cond_init(&answer->changed, NULL);
    answer->length = -2;
    return answer;
}

int await_answers(struct answer *answer, int calls) {
    struct timespec end = deadline_in(WAIT_MS);
    int enough;
    pthread_mutex_lock(&answer->mutex);
    while (!(enough = answer->calls >= calls))
        if (pthread_cond_timedwait(&answer->changed, &answer->mutex, &end)) break;
    pthread_mutex_unlock(&answer->mutex);
    return enough;
}

static void answered(const void *data, int rc, const char *text, int length, const struct Stat *stat, int strings) {
    struct answer *answer = (struct answer *)data;
    pthread_mutex_lock(&answer->mutex);
    answer->calls++;
    answer->rc = rc;
    answer->length = length;
    answer->strings = strings;
    if (text && length >= 0) snprintf(answer->text, sizeof answer->text, "%.*s", length, text);
    if (stat) answer->stat = *stat;
    pthread_cond_broadcast(&answer->changed);
    pthread_mutex_unlock(&answer->mutex);
}

void on_void(int rc, const void *data) { answered(data, rc, NULL, -1, NULL, 0); }
void on_stat(int rc, const struct Stat *stat, const void *data) { answered(data, rc, NULL, -1, stat, 0); }
void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data) {
    answered(data, rc, value, length, stat, 0);
}
void on_strings(int rc, const struct String_vector *strings, const void *data) {
    on_strings_stat(rc, strings, NULL, data);
}
void on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data) {
    int count = strings ? strings->count : 0;
    const char *first = count ? strings->data[0] : NULL;
    answered(data, rc, first, first ? (int)strlen(first) : -1, stat, count);
}
void on_string(int rc, const char *value, const void *data) { on_string_stat(rc, value, NULL, data); }
void on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data) {
    answered(data, rc, value, value ? (int)strlen(value) : -1, stat, 0);
}
void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data) {
    const char *scheme = acl && acl->count ? acl->data[0].id.scheme : NULL;
    answered(data, rc, scheme, scheme ? (int)strlen(scheme) : -1, stat, acl ? acl->count : 0);
}

/* ---- servers ---- */

int has_members(void) { return host_count() > 1; }
int shape_is(const char *name) { return !strcmp(shape, name); }

int host_count(void) {
    int count = 1;
    for (const char *c = all_hosts; *c; c++) count += *c == ',';
    return count;
}

const char *host(int n) {
    static char names[8][64];
    const char *from = all_hosts;
    int index = (n - 1) % host_count();
    for (int i = 0; i < index; i++) from = strchr(from, ',') + 1;
    snprintf(names[index % 8], sizeof names[0], "%.*s", (int)strcspn(from, ","), from);
    return names[index % 8];
}

int control(const char *format, ...) {
    char address[64], command[64], reply[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command - 1, format, arguments);
    va_end(arguments);
    strcat(command, "\n");
    snprintf(address, sizeof address, "%s", getenv("COMPAT_CONTROL"));
    char *port = strchr(address, ':');
    *port++ = 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(address, port, &hints, &found)) return 0;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    int ok = !connect(fd, found->ai_addr, found->ai_addrlen) &&
             write(fd, command, strlen(command)) == (ssize_t)strlen(command);
    freeaddrinfo(found);
    ssize_t got = ok ? read(fd, reply, sizeof reply - 1) : 0;
    close(fd);
    if (got > 0 && strncmp(reply, "ok", 2)) printf("# %s: %.*s", format, (int)got, reply);
    return got >= 2 && !strncmp(reply, "ok", 2);
}

/* ---- clients ---- */

zhandle_t *connect_with(const char *hosts, struct events *events, int timeout_ms, const clientid_t *id) {
    zhandle_t *handle = zookeeper_init(hosts, record_event, timeout_ms, id, events, 0);
    if (handle && !await_state(events, ZOO_CONNECTED_STATE)) {
        zookeeper_close(handle);
        return NULL;
    }
    return handle;
}

zhandle_t *connected(void) { return connect_with(all_hosts, new_events(), 30000, NULL); }

static int is_connected(void *handle) { return zoo_state(handle) == ZOO_CONNECTED_STATE; }
int await_connected(zhandle_t *handle) { return eventually(is_connected, handle, 2 * WAIT_MS); }

int eventually(int (*condition)(void *), void *context, int ms) {
    struct timespec now, end = deadline_in(ms);
    for (;;) {
        if (condition(context)) return 1;
        clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) return 0;
        usleep(20000);
    }
}

/* Field by field: there is padding between them. */
int same_stat(const struct Stat *a, const struct Stat *b) {
    return a->czxid == b->czxid && a->mzxid == b->mzxid && a->pzxid == b->pzxid && a->ctime == b->ctime &&
           a->mtime == b->mtime && a->version == b->version && a->cversion == b->cversion &&
           a->aversion == b->aversion && a->ephemeralOwner == b->ephemeralOwner && a->dataLength == b->dataLength &&
           a->numChildren == b->numChildren;
}

int synced(zhandle_t *handle) {
    struct answer *answer = new_answer();
    return zoo_async(handle, "/", on_string, answer) == ZOK && await_answers(answer, 1) && answer->rc == ZOK;
}

const char *at(const char *name) {
    static char paths[16][PATH_BYTES];
    static int next;
    next = (next + 1) % 16;
    snprintf(paths[next], PATH_BYTES, "%.160s/%.80s", root, name);
    return paths[next];
}

int put(const char *path, const char *value) {
    return zoo_create(zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
}
