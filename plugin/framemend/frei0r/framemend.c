/* framemend as a frei0r filter: hands each frame to a framemend worker and shows what comes back.
 *
 * The worker is `python -m framemend.frei0r.worker`, started at the first frame, on the other end of a socket. It sees past
 * frames only, so every frame that goes in comes out at once. When the worker is gone, or does not answer in time, one line
 * says so and frames pass through as they are.
 *
 * Built by `framemend install-frei0r`, which defines FRAMEMEND_PYTHON, FRAMEMEND_PATH, FRAMEMEND_MODEL and FRAMEMEND_DEVICE.
 * The declarations below are the interface of frei0r 1.2, so that no header has to be installed.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC 0x314D5246u     /* "FRM1" */
#ifndef FIRST_ANSWER_MS
#define FIRST_ANSWER_MS 180000 /* loading the model may take its time */
#endif
#ifndef ANSWER_MS
#define ANSWER_MS 60000
#endif
#define JUMP_STEPS 8 /* a step of so many frames, or backwards, is a seek: frames before it do not count */

typedef struct {
  const char *name, *author;
  int plugin_type, color_model, frei0r_version, major_version, minor_version, num_params;
  const char *explanation;
} f0r_plugin_info_t;

typedef struct {
  const char *name;
  int type;
  const char *explanation;
} f0r_param_info_t;

enum { FILTER = 0, RGBA8888 = 1, PARAM_DOUBLE = 1 };

struct request {
  uint32_t magic, width, height, restart;
  float strength;
};

struct instance {
  unsigned int width, height;
  double strength, time, step; /* hosts count time in seconds (MLT) or milliseconds (ffmpeg) */
  int socket, is_dead, has_answered;
  pid_t worker;
};

extern char **environ;

int f0r_init(void) { return 1; }

void f0r_deinit(void) {}

void f0r_get_plugin_info(f0r_plugin_info_t *info) {
  info->name = "framemend";
  info->author = "framemend developers";
  info->plugin_type = FILTER;
  info->color_model = RGBA8888;
  info->frei0r_version = 1;
  info->major_version = 0;
  info->minor_version = 1;
  info->num_params = 1;
  info->explanation = "Repairs noise, blocking and blur with a Transformer that sees the frames before";
}

void f0r_get_param_info(f0r_param_info_t *info, int index) {
  (void)index;
  info->name = "strength";
  info->type = PARAM_DOUBLE;
  info->explanation = "How much of the repair is applied, 0 to 1";
}

void *f0r_construct(unsigned int width, unsigned int height) {
  struct instance *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->width = width;
  self->height = height;
  self->strength = 1.0;
  self->time = -INFINITY;
  self->socket = -1;
  return self;
}

static void stop_worker(struct instance *self) {
  if (self->socket >= 0) close(self->socket);
  self->socket = -1;
  if (self->worker > 0) {
    for (int i = 0; i < 50 && waitpid(self->worker, NULL, WNOHANG) == 0; i++) usleep(20000);
    kill(self->worker, SIGKILL);
    waitpid(self->worker, NULL, 0);
  }
  self->worker = 0;
}

void f0r_destruct(void *instance) {
  stop_worker(instance);
  free(instance);
}

void f0r_set_param_value(void *instance, void *param, int index) {
  double value = *(double *)param;
  if (index == 0) ((struct instance *)instance)->strength = value < 0 ? 0 : value > 1 ? 1 : value;
}

void f0r_get_param_value(void *instance, void *param, int index) {
  if (index == 0) *(double *)param = ((struct instance *)instance)->strength;
}

/* Says why once; from then on frames pass through. */
static void give_up(struct instance *self, const char *why) {
  fprintf(stderr, "framemend: the worker %s; frames pass through unrepaired\n", why);
  self->is_dead = 1;
  stop_worker(self);
}

static int start_worker(struct instance *self) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  const char *python = getenv("FRAMEMEND_PYTHON");
  if (python == NULL) python = FRAMEMEND_PYTHON;
  const char *found = getenv("PYTHONPATH");
  char path[8192];
  snprintf(path, sizeof path, "PYTHONPATH=%s%s%s", FRAMEMEND_PATH, found && *found ? ":" : "", found ? found : "");
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char **environment = calloc(count + 2, sizeof *environment);
  if (environment == NULL) return -1;
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (strncmp(environ[i], "PYTHONPATH=", 11) != 0) environment[kept++] = environ[i];
  environment[kept] = path;
  char *arguments[] = {(char *)python, "-m", "framemend.frei0r.worker", FRAMEMEND_MODEL, FRAMEMEND_DEVICE, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  int failed = posix_spawnp(&self->worker, python, &actions, NULL, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  free(environment);
  close(ends[1]);
  if (failed) {
    self->worker = 0;
    close(ends[0]);
    return -1;
  }
  struct timeval patience = {FIRST_ANSWER_MS / 1000, FIRST_ANSWER_MS % 1000 * 1000}; /* it may not even read */
  setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  self->socket = ends[0];
  return 0;
}

/* 0: all gone; 1: the other end is gone; 2: it does not take it in time. */
static int send_all(int socket, const void *data, size_t size) {
  const char *next = data;
  while (size > 0) {
    ssize_t sent = send(socket, next, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 2;
    if (sent <= 0) return 1;
    next += sent;
    size -= (size_t)sent;
  }
  return 0;
}

/* 0: all there; 1: the other end is gone; 2: too late. */
static int receive_all(int socket, void *data, size_t size, int patience_ms) {
  char *next = data;
  while (size > 0) {
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    int count = poll(&ready, 1, patience_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) return 2;
    ssize_t got = recv(socket, next, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 1;
    next += got;
    size -= (size_t)got;
  }
  return 0;
}

static int is_jump(struct instance *self, double time) {
  double step = time - self->time;
  self->time = time;
  if (!(step > 0) || isinf(step)) return 1;
  if (self->step > 0 && step > JUMP_STEPS * self->step) return 1;
  if (self->step == 0 || step < self->step) self->step = step;
  return 0;
}

void f0r_update(void *instance, double time, const uint32_t *in, uint32_t *out) {
  struct instance *self = instance;
  size_t size = (size_t)self->width * self->height * sizeof *in;
  int restart = is_jump(self, time);
  memcpy(out, in, size);
  if (self->is_dead) return;
  if (self->socket < 0 && start_worker(self) != 0) {
    give_up(self, "cannot be started");
    return;
  }
  struct request request = {MAGIC, self->width, self->height, (uint32_t)restart, (float)self->strength};
  int failed = send_all(self->socket, &request, sizeof request);
  if (!failed) failed = send_all(self->socket, in, size);
  if (!failed) failed = receive_all(self->socket, out, size, self->has_answered ? ANSWER_MS : FIRST_ANSWER_MS);
  if (failed) {
    memcpy(out, in, size); /* what came may be half a frame */
    give_up(self, failed == 1 ? "has ended" : "does not answer");
    return;
  }
  self->has_answered = 1;
}
