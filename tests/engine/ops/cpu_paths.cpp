#include "tests/engine/ops/oracle.h"

namespace llmrun {

std::vector<Path> paths() { return {{at::kCPU, /*loops=*/true}, {at::kCPU, /*loops=*/false}}; }

}  // namespace llmrun
