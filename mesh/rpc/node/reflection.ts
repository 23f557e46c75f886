import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { ReflectionService } from '@grpc/reflection'
import { file_edgewise_problem_v1_problem as problem } from '#proto/edgewise/problem/v1/problem_pb.ts'
import { healthDescriptor } from './health.ts'

/**
 * Server reflection (v1 and v1alpha) from the descriptors in the generated code, so that grpcurl needs no .proto: also of
 * the health service, and of the problem that failures carry.
 */
export function reflectionOf(services: readonly DescService[]): ReflectionService {
  const files = new Map<string, Buffer>()
  function add(file: DescFile): void {
    const name = `${file.name}.proto`
    if (files.has(name)) return
    files.set(name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
    file.dependencies.forEach(add)
  }
  for (const { file } of services) add(file)
  add(problem)
  return new ReflectionService(
    // Of a definition made by proto-loader, the package reads only the descriptors; an enum's is the smallest.
    {
      files: {
        format: 'Protocol Buffer 3 EnumDescriptorProto',
        type: {},
        fileDescriptorProtos: [...files.values(), Buffer.from(healthDescriptor)],
      },
    },
    { services: [...services.map(({ typeName }) => typeName), 'grpc.health.v1.Health'] },
  )
}
