#include "engine/ops/embedding.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

TEST_CASE("the parts of an embedding add up to the whole, and so do their gradients") {
  constexpr int64_t kVocab = 23, kHidden = 7;
  const at::Tensor ids = at::tensor({22, 0, 5, 5, 8, 7, 5, 16, 15}, at::kLong);
  for (const Path& path : paths()) {
    const auto embed = path.pick(cpu::embed, aten::embed);
    const auto embed_backward = path.pick(cpu::embed_backward, aten::embed_backward);
    for (const auto dtype : kDtypes) {
      const at::Tensor w = normal({kVocab, kHidden}, 1, dtype), dy = normal({9, kHidden}, 2, dtype), rw = leaf(w);
      at::embedding(rw, ids).backward(dy.to(at::kFloat));
      for (const int64_t parts : {1, 2, 3}) {
        at::Tensor sum = at::zeros({9, kHidden}, dtype);
        for (int64_t i = 0; i < parts; ++i) {
          const Interval rows = part(kVocab, parts, i);
          const int64_t padding = i == 1 ? 2 : 0;  // rows past the part, as a padded vocabulary has them
          const at::Tensor held = at::cat({w.narrow(0, rows.begin, rows.size()), at::full({padding, kHidden}, 99.0F).to(dtype)});
          sum += embed(path.put(ids), path.put(held), rows).cpu();
          const at::Tensor grad = path.put(at::ones({held.size(0), kHidden}));
          embed_backward(path.put(ids), path.put(dy), grad, rows);
          CHECK(distance(grad.narrow(0, 0, rows.size()), rw.grad().narrow(0, rows.begin, rows.size()) + 1) < 1e-6);
          CHECK(grad.narrow(0, rows.size(), padding).eq(1).all().item<bool>());
        }
        CHECK(sum.equal(at::embedding(w, ids)));
      }
    }
  }
}

}  // namespace llmrun
