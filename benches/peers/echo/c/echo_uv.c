/* Echo server on libuv: one reused buffer per connection, uv_try_write, uv_write for what is left. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define BSZ 16384
typedef struct { uv_tcp_t h; char buf[BSZ]; } conn_t;
typedef struct { uv_write_t r; char data[]; } wr_t;

static void on_close(uv_handle_t *h) { free(h); }
static void on_alloc(uv_handle_t *h, size_t s, uv_buf_t *b) { (void)s; *b = uv_buf_init(((conn_t *)h)->buf, BSZ); }
static void on_written(uv_write_t *r, int st) { (void)st; free(r); }
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  if (n < 0) { if (!uv_is_closing((uv_handle_t *)s)) uv_close((uv_handle_t *)s, on_close); return; }
  if (n == 0) return;
  uv_buf_t o = uv_buf_init(b->base, n);
  int w = uv_try_write(s, &o, 1);
  if (w < 0) w = 0;
  if (w < n) {
    wr_t *r = malloc(sizeof *r + (n - w));
    memcpy(r->data, b->base + w, n - w);
    o = uv_buf_init(r->data, n - w);
    uv_write(&r->r, s, &o, 1, on_written);
  }
}
static void on_conn(uv_stream_t *l, int st) {
  if (st < 0) return;
  conn_t *c = malloc(sizeof *c);
  uv_tcp_init(l->loop, &c->h);
  if (uv_accept(l, (uv_stream_t *)&c->h)) { uv_close((uv_handle_t *)c, on_close); return; }
  uv_tcp_nodelay(&c->h, 1);
  uv_read_start((uv_stream_t *)c, on_alloc, on_read);
}
int main(int argc, char **argv) {
  struct sockaddr_in a;
  uv_tcp_t l;
  if (argc < 2) return 1;
  signal(SIGPIPE, SIG_IGN);
  uv_ip4_addr("127.0.0.1", atoi(argv[1]), &a);
  uv_tcp_init(uv_default_loop(), &l);
  uv_tcp_bind(&l, (void *)&a, 0);
  if (uv_listen((uv_stream_t *)&l, 8192, on_conn)) return 1;
  printf("READY %d\n", (int)getpid()); fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
