// The echo benchmark's server on node: prints its port, serves until it is killed. See servers.py.
import net from "node:net";

const shape = process.argv[2];

function line(socket) {
  let rest = Buffer.alloc(0);
  socket.on("data", (data) => {
    rest = rest.length ? Buffer.concat([rest, data]) : data;
    for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) socket.write(rest.subarray(0, end + 1));
  });
}

function echo(socket) {
  socket.on("data", (data) => socket.write(data));
}

const server = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  (shape === "line" ? line : echo)(socket);
});
server.listen({ port: 0, host: "0.0.0.0", backlog: 4096 }, () => console.log(server.address().port));
