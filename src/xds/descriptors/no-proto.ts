/** Refuses to give the message that a descriptor was read from: it is not kept, and nothing that Tulle uses asks for it. */
export function noProto(desc: { toString(): string }): never {
  throw new Error(`${desc.toString()}: descriptors are read without google.protobuf's own messages`);
}
