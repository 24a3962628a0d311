import { textFormat } from '../message-format.ts';
import type { MessageSubject } from '../subject.ts';
import { processSend } from './peer-process-send.ts';

/** Text, as JSON has no bytes: the kindest case. */
export const subject: MessageSubject<string> = processSend('peer.process-send-json', 'json', textFormat);
