import { memory } from '@ipc/core';
import { channelConformance, noLeaks } from '@ipc/testkit';

noLeaks();
channelConformance(() => memory({ maxMessageBytes: 4 << 20 }));
