#include "tests/parity/cases.h"

#include <algorithm>

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("there are 17 layouts of up to 8 ranks") { CHECK(golden_layouts().size() == 17); }

TEST_CASE("pairwise cases hold every pair of layout and switch that can exist") {
  const std::vector<ParityCase> cases = pairwise_cases(8);
  CHECK(cases.size() < all_cases(8).size() / 4);
  for (const ParityCase& wanted : all_cases(8)) {
    auto covered = [&](auto same) { return std::any_of(cases.begin(), cases.end(), [&](const ParityCase& c) { return same(c, wanted); }); };
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.zero == b.zero; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.sequence == b.sequence; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.micro_batch == b.micro_batch; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.recompute == b.recompute && a.attention == b.attention; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.sequence == b.sequence && a.zero == b.zero; }));
    CHECK(covered([](const ParityCase& a, const ParityCase& b) { return a.layout == b.layout && a.uneven_stages == b.uneven_stages; }));
  }
}
