import { fromJson, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'

/**
 * What grpc.health.v1 looks like, for reflection. Said here because the descriptor inside grpc-health-check names a map
 * entry in a way that other implementations refuse. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export const healthDescriptor: Uint8Array = toBinary(
  FileDescriptorProtoSchema,
  fromJson(FileDescriptorProtoSchema, {
    name: 'grpc/health/v1/health.proto',
    package: 'grpc.health.v1',
    syntax: 'proto3',
    messageType: [
      {
        name: 'HealthCheckRequest',
        field: [{ name: 'service', number: 1, label: 'LABEL_OPTIONAL', type: 'TYPE_STRING' }],
      },
      {
        name: 'HealthCheckResponse',
        field: [
          {
            name: 'status',
            number: 1,
            label: 'LABEL_OPTIONAL',
            type: 'TYPE_ENUM',
            typeName: '.grpc.health.v1.HealthCheckResponse.ServingStatus',
          },
        ],
        enumType: [
          {
            name: 'ServingStatus',
            value: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].map((name, number) => ({ name, number })),
          },
        ],
      },
    ],
    service: [
      {
        name: 'Health',
        method: [
          { name: 'Check', serverStreaming: false },
          { name: 'Watch', serverStreaming: true },
        ].map(({ name, serverStreaming }) => ({
          name,
          serverStreaming,
          inputType: '.grpc.health.v1.HealthCheckRequest',
          outputType: '.grpc.health.v1.HealthCheckResponse',
        })),
      },
    ],
  }),
)
