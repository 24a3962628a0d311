/** TLS as a transport: TCP with secrecy and, where both ends present certificates, proof of who they are. */
import type { Socket } from 'node:net';
import {
  connect as connectTls,
  createServer,
  type ConnectionOptions,
  type TlsOptions as ServerOptions,
} from 'node:tls';
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  frameChannel,
  NodeByteStream,
  type Channel,
  type Transport,
} from '@ipc/core';
import { noDescriptors } from './descriptors.ts';
import { checkPort, connected, listenTcp, tcpAddressOf, type TcpOptions } from './tcp.ts';

export interface TlsOptions extends TcpOptions {
  /** As of `node:tls`, for `listen`: `key` and `cert`; with `requestCert` and `ca` the client has to prove itself too. */
  readonly server?: ServerOptions | undefined;
  /** As of `node:tls`, for `connect`: `ca`, `servername`, and `key` and `cert` to prove oneself. */
  readonly client?: ConnectionOptions | undefined;
}

/**
 * Channels over TLS. A server that asks for certificates (`requestCert`) refuses clients without a valid one, unless
 * `rejectUnauthorized: false` says otherwise. Runs on `node:tls` throughout: one copy more each way than `tcp`.
 *
 * @throws {RangeError} A port or limit out of range.
 */
export function tls(options: TlsOptions = {}): Transport {
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  const gather = checkGather(options.gather);
  const { host = '127.0.0.1', port, client = {}, server = {} } = options;
  checkPort(port);
  const channelOn = (socket: Socket): Channel =>
    frameChannel(new NodeByteStream(socket.setNoDelay(true)), { maxMessageBytes, gather }, noDescriptors);
  return {
    id: 'socket.tls',
    traits: { maxMessageBytes, peers: 'many', peerDeath: 'kernel', halfClose: true, scope: 'network' },
    listen: (name, wait) =>
      listenTcp(
        name,
        options,
        createServer(server).on('tlsClientError', (_error, socket) => socket.destroy()),
        'secureConnection',
        channelOn,
        wait,
      ),
    async connect(name, wait) {
      const address = tcpAddressOf(name, { host, port });
      const socket = connectTls({ ...client, ...address });
      return channelOn(await connected(name, socket, 'secureConnect', wait));
    },
  };
}
