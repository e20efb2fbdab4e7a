/* slirpvde listens on every address: with this before libc it listens on 127.0.0.1 only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*libc_bind)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    if (address->sa_family == AF_INET) {
        struct sockaddr_in copy = *(const struct sockaddr_in *)address;
        if (copy.sin_addr.s_addr == INADDR_ANY && copy.sin_port)
            copy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return libc_bind(fd, (struct sockaddr *)&copy, sizeof copy);
    }
    return libc_bind(fd, address, length);
}
