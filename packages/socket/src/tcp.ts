/** TCP as a transport: the same channels between machines, or where there are no unix sockets. */
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import {
  checkGather,
  checkMaxMessageBytes,
  checkName,
  DEFAULT_MAX_MESSAGE_BYTES,
  frameChannel,
  fromErrno,
  onAbort,
  QueueListener,
  type Channel,
  type GatherOptions,
  type Listener,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import { noDescriptors } from './descriptors.ts';
import { claimTcpName, resolveTcpName, type TcpAddress } from './tcp-address.ts';
import { tcpStream } from './tcp-stream.ts';

export interface TcpOptions {
  /** Where to listen and connect: a host name, an IPv4 or an IPv6 address. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** A port of one's own; the name is then a label only. @default any free one, found by name on this machine */
  readonly port?: number | undefined;
  /** Connections the kernel keeps for `accept`. @default 128 */
  readonly backlog?: number | undefined;
  /** Listening on `::`, leave IPv4 alone. @default false */
  readonly ipv6Only?: boolean | undefined;
  /** Idle time after which the kernel asks whether the peer is alive; 0 never. @default 30 s */
  readonly keepAliveMs?: number | undefined;
  /** Both ends must agree. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what was sent leaves. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
}

/**
 * Channels over TCP. Frames are coalesced by turn, so Nagle's algorithm is off.
 *
 * Anyone who can reach the address can connect: bytes are neither encrypted nor authenticated (see `tls`). A peer
 * process that dies is noticed at once, a peer machine that vanishes when keep-alive gives up.
 *
 * @throws {RangeError} A port or limit out of range.
 */
export function tcp(options: TcpOptions = {}): Transport {
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  const gather = checkGather(options.gather);
  const { host = '127.0.0.1', port, keepAliveMs = 30_000 } = options;
  checkPort(port);

  const channelOn = (socket: Socket): Channel => {
    socket.setNoDelay(true);
    if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
    try {
      return frameChannel(tcpStream(socket), { maxMessageBytes, gather }, noDescriptors);
    } catch (error) {
      socket.destroy();
      throw fromErrno(error, 'open channel');
    }
  };

  return {
    id: 'socket.tcp',
    traits: { maxMessageBytes, peers: 'many', peerDeath: 'kernel', halfClose: true, scope: 'network' },
    listen: (name, wait) =>
      listenTcp(name, options, createServer(serverOptions), 'connection', channelOn, wait),
    async connect(name, wait) {
      const address = tcpAddressOf(name, { host, port });
      return channelOn(
        await connected(name, connectSocket({ ...address, ...serverOptions }).pause(), 'connect', wait),
      );
    },
  };
}

/** Nothing is read before the channel reads; and each direction ends on its own. */
const serverOptions = { pauseOnConnect: true, allowHalfOpen: true } as const;

/** The address a name stands for. */
export function tcpAddressOf(
  name: string,
  { host, port }: { host: string; port: number | undefined },
): TcpAddress {
  checkName(name);
  return port === undefined ? resolveTcpName(name) : { host, port };
}

/** Listens on a name with `server`, whose `event` brings sockets that are ready for data. */
export async function listenTcp(
  name: string,
  { host = '127.0.0.1', port, backlog = 128, ipv6Only = false }: TcpOptions,
  server: Server,
  event: 'connection' | 'secureConnection',
  channelOn: (socket: Socket) => Channel,
  { signal }: WaitOptions = {},
): Promise<Listener> {
  signal?.throwIfAborted();
  checkName(name);
  const claim = port === undefined ? claimTcpName(name) : undefined;
  const listener = new QueueListener(name, () => {
    claim?.release();
    server.close(); // its event waits for the connections, which live on
  });
  server.on(event, (socket: Socket) => {
    socket.on('error', () => undefined); // one that vanished at once; its channel tells
    if (socket.destroyed) return;
    try {
      listener.push(channelOn(socket));
    } catch (error) {
      process.emitWarning(fromErrno(error, 'serve a connection'));
    }
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port: port ?? 0, backlog, ipv6Only }, resolve);
    });
    const bound = server.address();
    if (bound !== null && typeof bound === 'object')
      claim?.publish({ host: reachable(bound.address), port: bound.port });
  } catch (error) {
    claim?.release();
    server.close();
    throw fromErrno(error, 'listen', name);
  }
  server.removeAllListeners('error');
  server.on('error', (error) => {
    listener.fail(fromErrno(error, 'accept', name));
  });
  return listener;
}

/** The socket, once `event` says that it can be used. */
export async function connected<S extends Socket>(
  name: string,
  socket: S,
  event: 'connect' | 'secureConnect',
  { signal }: WaitOptions = {},
): Promise<S> {
  let forget: (() => void) | undefined;
  try {
    signal?.throwIfAborted();
    forget =
      signal &&
      onAbort(signal, () => {
        socket.destroy(new Error('aborted'));
      });
    await new Promise<void>((resolve, reject) => {
      socket.once(event, resolve).once('error', reject);
    });
    socket.removeAllListeners('error').on('error', () => undefined); // the channel tells
    return socket;
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    throw fromErrno(error, 'connect', name);
  } finally {
    forget?.();
  }
}

export function checkPort(port: number | undefined): void {
  if (port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535)) return;
  throw new RangeError(`port must be an integer in 1..65535, got ${port}`);
}

/** An address to connect to, for one that stands for all of this machine's. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}
