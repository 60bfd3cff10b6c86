#include "decoder/composites.h"

#include "pg/call.h"

extern "C" {
#include "access/htup_details.h"
#include "utils/array.h"
#include "utils/arrayaccess.h"
#include "utils/typcache.h"
}

namespace txsync::decoder {

using core::Buffer;

namespace {

// Types can be nested deeper than the stack is. An error would stop the stream for ever.
void
RequireStack()
{
	if (stack_is_too_deep())
		throw core::BufferFull();
}

// A value whole, in memory and decompressed. What that took is given back with it: there may be millions in one.
class Plain
{
public:
	Plain(Values &values, Datum value)
		: given_(DatumGetPointer(value))
		, plain_(values.Detoast(value))
	{}
	Plain(const Plain &) = delete;
	~Plain()
	{
		if (plain_ != given_)
			pfree(plain_);
	}

	void *
	Get() const
	{
		return plain_;
	}

private:
	void *given_;
	void *plain_;
};

class ArrayWriter
{
public:
	ArrayWriter(Values &values, Buffer &out, const Type &element, ArrayType *array)
		: values_(values)
		, out_(out)
		, element_(element)
		, array_(array)
	{
		array_iter_setup(&elements_, reinterpret_cast<AnyArrayType *>(array));
	}

	void
	Write(int dimension)
	{
		out_.Append('[');
		for (int i = 0; i < ARR_DIMS(array_)[dimension]; i++) {
			if (i > 0)
				out_.Append(',');
			if (dimension + 1 < ARR_NDIM(array_))
				Write(dimension + 1);
			else
				WriteElement();
		}
		out_.Append(']');
	}

private:
	void
	WriteElement()
	{
		pg::CheckForInterrupts();
		bool null = false;
		Datum value = array_iter_next(&elements_, &null, next_++, element_.layout.length, element_.layout.by_value,
									  element_.align);
		if (null)
			out_.Append("null");
		else
			values_.Json(out_, element_, value);
	}

	Values &values_;
	Buffer &out_;
	const Type &element_;
	ArrayType *array_;
	array_iter elements_ = {};
	int next_ = 0;
};

// The columns of a row that is itself a value.
class Fields
{
public:
	explicit Fields(HeapTupleHeader row)
		: desc_(pg::Call(
			  [&] { return lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row)); }))
		, values_(static_cast<size_t>(desc_->natts))
		, nulls_(std::make_unique<bool[]>(static_cast<size_t>(desc_->natts)))
	{
		HeapTupleData tuple = {};
		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		tuple.t_data = row;
		pg::Call([&] { heap_deform_tuple(&tuple, desc_, values_.data(), nulls_.get()); });
	}
	Fields(const Fields &) = delete;
	~Fields()
	{
		ReleaseTupleDesc(desc_);
	}

	int
	Count() const
	{
		return desc_->natts;
	}

	Form_pg_attribute
	Attribute(int index) const
	{
		return TupleDescAttr(desc_, index);
	}

	// Null for null.
	const Datum *
	At(int index) const
	{
		return nulls_[static_cast<size_t>(index)] ? nullptr : &values_[static_cast<size_t>(index)];
	}

private:
	TupleDesc desc_;
	std::vector<Datum> values_;
	std::unique_ptr<bool[]> nulls_;
};

} // namespace

void
ArrayJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	RequireStack();
	Plain plain(values, value);
	auto *array = static_cast<ArrayType *>(plain.Get());
	if (ARR_NDIM(array) == 0)
		out.Append("[]");
	else
		ArrayWriter(values, out, *type.element, array).Write(0);
}

void
RowJson(Values &values, Buffer &out, const Type &, Datum value)
{
	RequireStack();
	Plain plain(values, value);
	Fields fields(static_cast<HeapTupleHeader>(plain.Get()));
	char separator = '{';
	for (int i = 0; i < fields.Count(); i++) {
		Form_pg_attribute attribute = fields.Attribute(i);
		if (attribute->attisdropped)
			continue;
		out.Append(separator);
		separator = ',';
		values.String(out, NameStr(attribute->attname));
		out.Append(':');
		if (const Datum *field = fields.At(i))
			values.Json(out, values.TypeOf(attribute->atttypid), *field);
		else
			out.Append("null");
	}
	if (separator == '{')
		out.Append(separator);
	out.Append('}');
}

} // namespace txsync::decoder
