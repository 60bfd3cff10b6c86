#include "core/activity.h"

#include "core/nullable.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/random.h"

namespace txsync::core {
namespace {

TEST(Activity, ComesBackAsItWasStored)
{
	test::Random random(1);
	std::string text = "some text, some of it\0odd";
	auto any = [&]() -> std::string_view {
		return random.Below(3) == 0 ? std::string_view() : std::string_view(text).substr(0, random.Below(text.size()));
	};
	for (int round = 0; round < 1000; round++) {
		Activity a;
		a.position = {random.Bits(), random.Bits(), 3};
		a.xid = static_cast<uint32_t>(random.Bits());
		a.committed_at = -1;
		a.action = Action::kGap;
		a.entity_id = any();
		a.old_organization_id = any();
		a.old_organization_null = random.Below(2) == 0;
		a.tx = {any(), any(), any()};
		a.version = any();
		a.row_version = random.AnySize();
		a.annotation = any();
		a.payload = any();
		a.data = any();
		a.changed_keys_known = random.Below(2) == 0;
		for (uint64_t keys = random.Below(4); keys > 0; keys--)
			a.changed_keys.push_back("key");
		Buffer bytes;
		Store(bytes, a);
		Store(bytes, a);
		std::string_view rest = bytes.View();
		Activity b;
		b.changed_keys = {"left", "over"};
		Load(rest, b);
		EXPECT_EQ(rest.size(), bytes.Size() / 2);
		EXPECT_EQ(b.position, a.position);
		EXPECT_EQ(b.xid, a.xid);
		EXPECT_EQ(b.committed_at, a.committed_at);
		EXPECT_EQ(b.action, a.action);
		EXPECT_EQ(b.row_version, a.row_version);
		EXPECT_TRUE(AreSame(b.version, a.version));
		EXPECT_EQ(b.changed_keys, a.changed_keys);
		EXPECT_EQ(b.changed_keys_known, a.changed_keys_known);
		EXPECT_TRUE(AreSame(b.entity_id, a.entity_id) && AreSame(b.old_organization_id, a.old_organization_id));
		EXPECT_EQ(b.old_organization_null, a.old_organization_null);
		EXPECT_TRUE(AreSame(b.tx.transaction_id, a.tx.transaction_id) &&
					AreSame(b.tx.changed_field, a.tx.changed_field));
		EXPECT_TRUE(AreSame(b.annotation, a.annotation) && AreSame(b.entity_type, a.entity_type));
		EXPECT_TRUE(AreSame(b.payload, a.payload) && AreSame(b.data, a.data));
	}
}

TEST(Activity, ChangeTellsAllButData)
{
	Activity activity;
	activity.position = {1, 2, 3};
	activity.action = Action::kUpdate;
	activity.entity_type = "pages";
	activity.entity_id = "p";
	activity.organization_id = "o";
	activity.old_organization_id = "old";
	activity.changed_keys_known = true;
	activity.changed_keys = {"a"};
	activity.tx = {"t", "s", "a"};
	activity.version = "t";
	activity.row_version = 7;
	activity.origin = "there";
	activity.annotation = "{}";
	activity.data = "{}";
	Buffer out;
	Write(out, ChangeOf(activity, 41, "2026-11-21T09:00:00.123456Z"), Form::kWhole);
	EXPECT_EQ(out.View(), R"({"activityId":41,"position":"0/1-0/2-3","committedAt":"2026-11-21T09:00:00.123456Z",)"
						  R"("entityType":"pages","entityId":"p","organizationId":"o","action":"update",)"
						  R"("changedKeys":["a"],"tx":{"transactionId":"t","sourceId":"s","changedField":"a"},)"
						  R"("version":"t","rowVersion":7,"data":null,"origin":"there","annotation":{}})");
}

} // namespace
} // namespace txsync::core
