# The one list of what cpromise is compiled from; the Makefile and setup.py both read it. Paths are relative to ext/.
CP_CORE := core/mem.c core/promise.c core/timer.c core/loop.c core/io.c core/io_try.c core/poll_epoll.c core/poll_uring.c core/offload.c core/native.c
CP_BINDING := binding/module.c binding/py_promise.c binding/py_methods.c binding/py_settler.c binding/py_handlers.c \
              binding/py_combine.c binding/py_cancel.c binding/py_context.c binding/py_task.c binding/py_face.c \
              binding/py_future.c binding/py_loop.c binding/py_run.c binding/py_host.c binding/py_backend.c binding/py_guest.c binding/py_debug.c \
              binding/py_current.c binding/py_timer.c \
              binding/py_stream.c binding/py_stream_read.c binding/py_stream_write.c binding/py_tls.c binding/py_sendfile.c \
              binding/py_connect.c binding/py_server.c binding/py_offload.c binding/py_workers.c binding/py_wire.c \
              binding/py_errand.c binding/py_apart.c binding/py_native.c \
              binding/py_file.c binding/py_file_ops.c binding/py_file_work.c binding/py_process.c binding/py_resolve.c binding/py_udp.c binding/py_udp_open.c
