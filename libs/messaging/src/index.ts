export { AnswerObserver } from './answer-observer.js';
export { Answers } from './answers.js';
export { askAgain } from './ask-again.js';
export { Broadcast } from './broadcast.js';
export { type EventHandler, EventStream } from './event-stream.js';
export { InProcessBroadcast } from './in-process/in-process-broadcast.js';
export { InProcessBus } from './in-process/in-process-bus.js';
export { InProcessEventStream } from './in-process/in-process-event-stream.js';
export { InProcessServer } from './in-process/in-process-server.js';
export { MessageBus, type RequestOptions } from './message-bus.js';
export { DrainingNatsServer } from './nats/draining-nats-server.js';
export { JetStreamEventStream, type JetStreamSettings } from './nats/jetstream-event-stream.js';
export { NatsBroadcast } from './nats/nats-broadcast.js';
export { NatsBus } from './nats/nats-bus.js';
export { NatsLink, type NatsSettings, tryNats } from './nats/nats-connection.js';
export { type Outbox, OutboxRelay } from './outbox-relay.js';
export {
  currentRequest,
  currentRequestId,
  noteOrigin,
  REQUEST_ID,
  type RequestContext,
  type RequestOrigin,
  runInRequestContext,
} from './request-context.js';
export { type Answer, beginAnswer, currentTraceId, inSpan, traceHeaders } from './trace.js';
