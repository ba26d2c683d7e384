/* py_udp.h - a socket for datagrams (py_udp.c), for what opens it (py_udp_open.c). */
#ifndef CP_PY_UDP_H
#define CP_PY_UDP_H

#include "binding.h"

/* A UdpSocket of a non-blocking socket, which it takes over; on error it closes it. New reference, NULL
 * with an exception. */
PyObject *udp_new(LoopObject *loop, int fd, int family);

#endif
