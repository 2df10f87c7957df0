#include "engine/core/gpu_of.h"

#include "tests/support/test.h"

namespace llmrun {

TEST_CASE("a rank's GPU follows its place on the node, and goes round where ranks share") {
  CHECK(gpu_of(0, 4, "linear") == 0);
  CHECK(gpu_of(3, 4, "none") == 3);
  CHECK(gpu_of(3, 4, "") == 3);
  CHECK(gpu_of(0, 4, "reversed") == 3);
  CHECK(gpu_of(3, 4, "reversed") == 0);
  CHECK(gpu_of(5, 4, "linear") == 1);
  CHECK(gpu_of(5, 4, "reversed") == 2);
  for (const char* affinity : {"none", "linear", "reversed"}) CHECK(gpu_of(3, 1, affinity) == 0);  // a launcher that binds
}

}  // namespace llmrun
