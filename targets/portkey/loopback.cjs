// Portkey's server listens on all interfaces and has no setting for it; loaded before it, this has it listen on loopback alone.
const { Server } = require("node:net");
const { listen } = Server.prototype;
Server.prototype.listen = function (port, _host, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};
