/**
 * Unix domain sockets and TCP as channels of whole messages.
 *
 * @packageDocumentation
 */
export { unix } from './unix.ts';
export type { UnixOptions } from './unix.ts';
export { tcp } from './tcp.ts';
export type { TcpOptions } from './tcp.ts';
export { seqpacket } from './seqpacket.ts';
export type { SeqpacketOptions } from './seqpacket.ts';
export { activatedSockets, adoptChannel, adoptListener, passableSocket } from './adopt.ts';
export type { ActivatedSocket, AdoptOptions, PassableSocket } from './adopt.ts';
export { openDatagramReceiver, openDatagramSender } from './datagram.ts';
export type { DatagramOptions } from './datagram.ts';
export { reconnecting } from './reconnecting.ts';
export type { ReconnectPolicy } from './reconnecting.ts';
export { heartbeating } from './heartbeating.ts';
export type { HeartbeatOptions } from './heartbeating.ts';
export { MAX_UDP_BYTES, openUdpReceiver, openUdpSender } from './udp.ts';
export type { UdpReceiver, UdpReceiverOptions, UdpSenderOptions } from './udp.ts';
export { tls } from './tls.ts';
export type { TlsOptions } from './tls.ts';
export { descriptorsInFlight } from './descriptors-in-flight.ts';
export { MAX_DESCRIPTORS, takeDescriptors, withDescriptors } from './descriptors.ts';
export { oneOf, openPeerPidfd, peerOf, sameUser } from './peer.ts';
export type { PeerCredentials, PeerRule } from './peer.ts';
export type { UnixNamespace } from './unix-address.ts';
export type { BindOptions } from './bind-unix.ts';
export { sweepRuntimeDirectory } from './sweep.ts';

// For those who rendezvous over a unix socket, or own descriptors.
export { letGo } from './let-go.ts';
export { serveUnix } from './serve-unix.ts';
export type { ServeUnixOptions, UnixServer } from './serve-unix.ts';
export { dialUnix } from './dial-unix.ts';
export type { DialUnixOptions } from './dial-unix.ts';
export { rawSocket } from './raw-socket.ts';
