import { IsOptional, IsUUID } from 'class-validator';

/** Who pushes, where that matters: a first push makes the organisation in the pusher's account. */
export class Pusher {
  /** Absent in open mode. */
  @IsOptional()
  @IsUUID()
  userId?: string;
}
