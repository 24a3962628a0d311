import { binaryFormat } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { processSend } from './peer-process-send.ts';

/** Bytes, by structured clone. */
export const subject: MessageSubject<Uint8Array> = {
  ...processSend('peer.process-send-advanced', 'advanced', binaryFormat),
  inDepth: 'chosen',
};
