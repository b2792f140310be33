"""Who a targeting expression means: set arithmetic over bitmaps of ordinals."""
