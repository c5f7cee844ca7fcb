from django.conf import settings


class Trouble:
    """Fails each page while there is a file "broken" beside manage.py.

    It stands for the faulty release: Django's own handler makes the 500, and the
    health view, which shares no code with the pages, goes on saying ok.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.broken = settings.BASE_DIR / "broken"

    def __call__(self, request):
        if request.path != "/healthz" and self.broken.exists():
            raise RuntimeError("this release is broken")
        return self.get_response(request)
